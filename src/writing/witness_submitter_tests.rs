use std::sync::Mutex;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use ed25519_dalek::Signer as _;

use super::*;
use crate::log::checkpoint::Checkpoint;
use crate::log::signed_note::{Note, SigningKey};
use crate::log::signer::Signer as _;
use crate::record::hash::Hash;
use crate::record::merkle::path::is_consistent;
use crate::record::merkle::range::LeafPoint;
use crate::record::merkle::{Tree, leaf_hash, node_hash};
use crate::record::utc::UtcSeconds;
use crate::telemetry::Metrics;

const ORIGIN: &str = "kivend/0123456789abcdef";
const NAME: &str = "witness.example";

fn leaf(index: u64) -> Hash {
    leaf_hash(&index.to_be_bytes())
}

fn root(size: u64) -> Hash {
    let mut tree = Tree::default();
    tree.extend((0..size).map(leaf));
    tree.root()
}

fn checkpoint(size: u64) -> Option<Arc<StandingCheckpoint>> {
    let head = Checkpoint {
        origin: ORIGIN.to_owned(),
        size,
        root: root(size),
    };
    let note = SigningKey::from_seed(ORIGIN, &[1; 32])
        .unwrap()
        .sign(head.to_string())
        .unwrap();
    let note = Bytes::from(note.to_bytes());
    Some(Arc::new(StandingCheckpoint { head, note }))
}

/// A log in memory, and what was stored and reported.
#[derive(Default)]
struct Log {
    stored: Mutex<Vec<(u64, Cosignature)>>,
    ahead: Mutex<Vec<u64>>,
    failing_stores: Mutex<u32>,
}

impl Log {
    fn numbers(&self) -> Vec<u64> {
        self.stored.lock().unwrap().iter().map(|(number, _)| *number).collect()
    }
}

#[async_trait]
impl WitnessedLog for Log {
    async fn leaf_point(&self, number: u64) -> Result<LeafPoint, AppError> {
        let mut peaks: Vec<(u64, Hash)> = Vec::new();
        for index in 0..number {
            let mut node = (1, leaf(index));
            while let Some(left) = peaks.pop_if(|left| left.0 == node.0) {
                node = (node.0 * 2, node_hash(&left.1, &node.1));
            }
            peaks.push(node);
        }
        let peaks = peaks.into_iter().map(|(_, peak)| peak).collect();
        let leaf = leaf(number);
        Ok(LeafPoint { peaks, leaf })
    }

    async fn store(&self, number: u64, cosignature: &Cosignature) -> Result<(), AppError> {
        let mut failing = self.failing_stores.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Err(AppError::transient("the store fails"));
        }
        self.stored.lock().unwrap().push((number, cosignature.clone()));
        Ok(())
    }

    async fn witness_is_ahead(&self, _: &Witness, size: u64) {
        self.ahead.lock().unwrap().push(size);
    }
}

/// A witness that follows the protocol, except for the answers that a test puts before its own.
struct Double {
    secret: ed25519_dalek::SigningKey,
    seen: Mutex<(u64, Hash)>,
    before: Mutex<Vec<Result<Answer, NoAnswer>>>,
    requests: Mutex<Vec<u64>>,
}

impl Double {
    fn new(before: Vec<Result<Answer, NoAnswer>>) -> Arc<Double> {
        Arc::new(Double {
            secret: ed25519_dalek::SigningKey::from_bytes(&[9; 32]),
            seen: Mutex::new((0, root(0))),
            before: Mutex::new(before),
            requests: Mutex::default(),
        })
    }

    fn key(&self) -> (String, [u8; 4]) {
        let typed = [&[0x04], self.secret.verifying_key().as_bytes().as_slice()].concat();
        let hash = Hash::of_parts(&[NAME.as_bytes(), b"\n", &typed]);
        let text = format!("{NAME}+{}+{}", &hash.to_string()[..8], BASE64.encode(typed));
        (text, *hash.0.first_chunk().unwrap())
    }

    fn witness(&self) -> Witness {
        let url = "https://witness.example".to_owned();
        Witness {
            monitoring_url: url.clone(),
            url,
            key: self.key().0.parse().unwrap(),
        }
    }

    fn cosign(&self, text: &str) -> Cosignature {
        let message = format!("cosignature/v1\ntime 1700000000\n{text}");
        let signature = self.secret.sign(message.as_bytes()).to_bytes();
        let bytes = [&self.key().1, 1_700_000_000u64.to_be_bytes().as_slice(), &signature].concat();
        Cosignature::parse(&format!("\u{2014} {NAME} {}", BASE64.encode(bytes))).unwrap()
    }

    fn answer(&self, old: u64, proof: &[Hash], note: &[u8]) -> Answer {
        let text = Note::parse(note).unwrap().text().to_owned();
        let head = text.parse::<Checkpoint>().unwrap();
        let mut seen = self.seen.lock().unwrap();
        if old != seen.0 {
            return Answer::OtherSize(seen.0);
        }
        let is_first = old == 0 && proof.is_empty();
        if !is_first && !is_consistent(*seen, (head.size, head.root), proof) {
            return Answer::Inconsistent;
        }
        *seen = (head.size, head.root);
        Answer::Cosigned(vec![self.cosign(&text)])
    }
}

#[async_trait]
impl WitnessClient for Double {
    async fn add_checkpoint(&self, _: &str, body: Vec<u8>) -> Result<Answer, NoAnswer> {
        let body = String::from_utf8(body).unwrap();
        let (request, note) = body.split_once("\n\n").unwrap();
        let mut lines = request.split('\n');
        let old = lines.next().unwrap().strip_prefix("old ").unwrap().parse().unwrap();
        let node = |line: &str| Hash(BASE64.decode(line).unwrap().try_into().unwrap());
        let proof: Vec<Hash> = lines.map(node).collect();
        self.requests.lock().unwrap().push(old);
        if let Some(answer) = self.before.lock().unwrap().pop() {
            return answer;
        }
        Ok(self.answer(old, &proof, note.as_bytes()))
    }

    async fn newest_checkpoint(&self, _: &str, _: &str) -> Result<Option<Bytes>, NoAnswer> {
        Ok(None)
    }
}

struct Run {
    sender: watch::Sender<Option<Arc<StandingCheckpoint>>>,
    log: Arc<Log>,
    double: Arc<Double>,
    metrics: Metrics,
    task: tokio::task::JoinHandle<()>,
}

impl Run {
    fn start(log: Log, double: &Arc<Double>) -> Run {
        let (log, double) = (Arc::new(log), Arc::clone(double));
        let backoff = Backoff {
            attempts: u32::MAX,
            first_ms: 1,
            max_ms: 2,
            seed: 0,
        };
        let shared = Shared {
            log: Arc::clone(&log) as Arc<dyn WitnessedLog>,
            client: Arc::clone(&double) as Arc<dyn WitnessClient>,
            backoff,
            clock: Clock::start(),
        };
        let metrics = Metrics::default();
        let of_witness = metrics.witness(NAME, UtcSeconds::from_unix(0));
        let submitter = Submitter::new(double.witness(), shared, of_witness);
        let (sender, newest) = watch::channel(None);
        let task = tokio::spawn(submitter.run(newest));
        Run {
            sender,
            log,
            double,
            metrics,
            task,
        }
    }

    /// Announces a checkpoint and waits until `done`.
    async fn announce(&self, size: u64, done: impl Fn(&Run) -> bool) {
        self.sender.send_replace(checkpoint(size));
        let reached = async {
            while !done(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(10), reached)
            .await
            .expect("nothing came of the checkpoint");
    }

    /// Ends the announcements and waits for the submitter.
    async fn end(self) -> (Arc<Log>, Arc<Double>, String) {
        drop(self.sender);
        tokio::time::timeout(Duration::from_secs(10), self.task)
            .await
            .expect("the submitter does not end")
            .unwrap();
        (self.log, self.double, self.metrics.encode(UtcSeconds::from_unix(0)))
    }
}

fn no_answer() -> Result<Answer, NoAnswer> {
    Err(NoAnswer {
        url: String::new(),
        cause: String::new(),
    })
}

#[tokio::test]
async fn each_checkpoint_is_cosigned_with_a_proof_from_the_one_before() {
    let run = Run::start(Log::default(), &Double::new(Vec::new()));
    for (count, size) in [1, 2, 3, 7, 8, 40].into_iter().enumerate() {
        run.announce(size, |run| run.log.numbers().len() == count + 1).await;
    }
    let (log, double, metrics) = run.end().await;
    assert_eq!(log.numbers(), [0, 1, 2, 6, 7, 39]);
    let key = double.witness().key;
    for (number, line) in log.stored.lock().unwrap().iter() {
        assert!(key.verify(&checkpoint(number + 1).unwrap().head, line));
    }
    assert_eq!(*double.requests.lock().unwrap(), [0, 1, 2, 3, 7, 8]);
    assert!(
        metrics.contains("kivend_witness_size{witness=\"witness.example\"} 40"),
        "{metrics}"
    );
}

#[tokio::test]
async fn after_a_restart_the_witness_names_the_size_to_prove_from() {
    let double = Double::new(Vec::new());
    *double.seen.lock().unwrap() = (5, root(5));
    let run = Run::start(Log::default(), &double);
    run.announce(9, |run| run.log.numbers() == [8]).await;
    run.end().await;
    assert_eq!(*double.requests.lock().unwrap(), [0, 5]);
}

#[tokio::test]
async fn a_checkpoint_that_is_cosigned_already_is_cosigned_again() {
    let double = Double::new(Vec::new());
    *double.seen.lock().unwrap() = (5, root(5));
    let run = Run::start(Log::default(), &double);
    run.announce(5, |run| run.log.numbers() == [4]).await;
}

#[tokio::test]
async fn a_witness_that_names_another_size_each_time_is_left_until_the_next_checkpoint() {
    let sizes = [3, 1, 2].map(|size| Ok(Answer::OtherSize(size)));
    let run = Run::start(Log::default(), &Double::new(sizes.into()));
    run.announce(4, |run| run.double.requests.lock().unwrap().len() == 3)
        .await;
    run.announce(6, |run| run.log.numbers() == [5]).await;
    let (_, double, metrics) = run.end().await;
    assert_eq!(*double.requests.lock().unwrap(), [0, 2, 1, 3, 0]);
    assert!(metrics.contains("cause=\"other_size\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_conflict_without_a_size_ends_the_submissions() {
    let run = Run::start(Log::default(), &Double::new(vec![Ok(Answer::Conflict)]));
    run.announce(4, |run| !run.double.requests.lock().unwrap().is_empty())
        .await;
    run.sender.send_replace(checkpoint(5));
    tokio::time::sleep(Duration::from_millis(20)).await;
    let (log, double, metrics) = run.end().await;
    assert_eq!(*double.requests.lock().unwrap(), [0]);
    assert!(log.numbers().is_empty());
    assert!(metrics.contains("cause=\"conflict\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_witness_that_was_away_gets_the_newest_checkpoint() {
    let refusals = [
        Ok(Answer::UnknownLog),
        Ok(Answer::Unavailable(503)),
        Ok(Answer::Garbled),
        no_answer(),
        no_answer(),
    ];
    let run = Run::start(Log::default(), &Double::new(refusals.into()));
    run.announce(4, |run| !run.double.requests.lock().unwrap().is_empty())
        .await;
    run.announce(6, |run| run.log.numbers().last() == Some(&5)).await;
    let (_, _, metrics) = run.end().await;
    for cause in ["unknown_log\"} 1", "unavailable\"} 1", "garbled\"} 1", "no_answer\"} 2"] {
        assert!(metrics.contains(cause), "{metrics}");
    }
}

#[tokio::test]
async fn a_line_that_does_not_verify_is_not_stored() {
    let of_another_tree = Double::new(Vec::new()).cosign(&checkpoint(3).unwrap().head.to_string());
    let run = Run::start(
        Log::default(),
        &Double::new(vec![Ok(Answer::Cosigned(vec![of_another_tree.clone()]))]),
    );
    run.announce(4, |run| !run.log.numbers().is_empty()).await;
    let (log, _, metrics) = run.end().await;
    assert_eq!(log.numbers(), [3]);
    assert_ne!(log.stored.lock().unwrap()[0].1, of_another_tree);
    assert!(metrics.contains("cause=\"not_verified\"} 1"), "{metrics}");
}

#[tokio::test]
async fn a_cosignature_that_could_not_be_stored_is_asked_for_again() {
    let log = Log {
        failing_stores: Mutex::new(2),
        ..Log::default()
    };
    let run = Run::start(log, &Double::new(Vec::new()));
    run.announce(4, |run| run.log.numbers() == [3]).await;
    let (_, double, _) = run.end().await;
    assert_eq!(*double.requests.lock().unwrap(), [0, 4, 4]);
}

#[tokio::test]
async fn a_witness_that_saw_more_than_the_bucket_has_is_reported() {
    let double = Double::new(Vec::new());
    *double.seen.lock().unwrap() = (9, root(9));
    let run = Run::start(Log::default(), &double);
    run.announce(4, |run| *run.log.ahead.lock().unwrap() == [9]).await;
    run.announce(12, |run| run.log.numbers() == [11]).await;
    run.end().await;
    assert_eq!(*double.requests.lock().unwrap(), [0, 9]);
}

#[tokio::test]
async fn a_witness_that_saw_another_history_is_asked_again_and_never_believed() {
    let double = Double::new(Vec::new());
    *double.seen.lock().unwrap() = (4, Hash::ZERO);
    let run = Run::start(Log::default(), &double);
    run.announce(4, |run| run.double.requests.lock().unwrap().len() > 2)
        .await;
    run.announce(6, |run| run.double.requests.lock().unwrap().len() > 5)
        .await;
    let (log, _, metrics) = run.end().await;
    assert!(log.numbers().is_empty());
    assert!(metrics.contains("cause=\"inconsistent\"}"), "{metrics}");
}

#[tokio::test]
async fn the_end_of_announcements_cuts_a_delay_short_for_one_last_try() {
    let run = Run::start(Log::default(), &Double::new(Vec::new()));
    run.sender.send_replace(checkpoint(4));
    let (log, _, _) = run.end().await;
    assert_eq!(log.numbers(), [3]);
    let away: Vec<_> = std::iter::repeat_with(no_answer).take(1000).collect();
    let run = Run::start(Log::default(), &Double::new(away));
    run.announce(4, |run| run.double.requests.lock().unwrap().len() > 1)
        .await;
    let (log, double, _) = run.end().await;
    assert!(log.numbers().is_empty() && double.requests.lock().unwrap().len() < 1000);
}
