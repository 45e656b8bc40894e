use super::*;

const LINE: &str = "\u{2014} example.com/witness EKHAGQAAAABrCuIQD6DsnsB8rGY9CK5TU/j4VhotwvZ3o+77P6oA4fgONoATNqL511xN4GrW/1xcRoNt1t8HdWNGsYfNOKU5P3kHAQ==";
const HEAD: &str = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562\n5\nQrtXrQZCCvpIgsSmOsah7HdICzMLLyDfxToMql9WTjY=\n";

fn keys() -> Vec<WitnessKey> {
    let pq = include_str!("testdata/ml_dsa_44.txt").lines().next().unwrap();
    let ed25519 = "example.com/witness+10a1c019+BGSEitir7W6FmBs7OHWyUrh2frtLAvcDrKOx5xu9ao5Q";
    [ed25519, pq].map(|key| key.parse().unwrap()).to_vec()
}

fn lines() -> Vec<Cosignature> {
    let pq = include_str!("testdata/ml_dsa_44.txt").lines().nth(1).unwrap();
    [LINE, pq].map(|line| Cosignature::parse(line).unwrap()).to_vec()
}

#[test]
fn as_many_witnesses_as_asked_for_must_have_cosigned() {
    let head = HEAD.parse::<Checkpoint>().unwrap();
    let reached = |quorum, lines: &[Cosignature]| Policy::of_keys(keys(), quorum).unwrap().is_met_by(&head, lines);
    let both = lines();
    assert!(reached(2, &both) && reached(1, &both[1..]) && reached(0, &[]));
    assert!(!reached(2, &both[1..]) && !reached(1, &[]));
    // Many lines of one witness count once.
    assert!(!reached(2, &[both[0].clone(), both[0].clone()]));
    let other = Checkpoint { size: 6, ..head };
    assert!(!Policy::of_keys(keys(), 1).unwrap().is_met_by(&other, &both));
}

#[test]
fn only_lines_that_verify_are_joined_to_a_tree_head() {
    let head = HEAD.parse::<Checkpoint>().unwrap();
    let (both, policy) = (lines(), Policy::of_keys(keys()[..1].to_vec(), 1).unwrap());
    let verified = policy.verified(&head, &both);
    assert_eq!(verified.len(), 1);
    assert_eq!(verified[0].0.name, "example.com/witness");
    assert_eq!(verified[0].1, &both[0]);
    assert!(policy.verified(&Checkpoint { size: 6, ..head }, &both).is_empty());
}

#[test]
fn a_quorum_that_cannot_be_reached_and_a_key_that_counts_twice_are_refused() {
    let (quorum, witnesses) = (3, 2);
    assert_eq!(
        Policy::of_keys(keys(), 3),
        Err(PolicyError::Quorum { quorum, witnesses })
    );
    let twice = [keys(), keys()].concat();
    assert_eq!(
        Policy::of_keys(twice.clone(), 1),
        Err(PolicyError::Duplicate(twice[0].to_string()))
    );
}
