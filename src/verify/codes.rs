//! The table of everything that a verification can find: a stable code each, how grave it is, what it means and what to do.
//! `docs/FINDINGS.md` is this table in prose, and a test holds the two together.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// How grave a finding is, from what merely stands beside the verdict to what decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing; the verdict stays.
    Note,
    /// Something could not be read or understood.
    Unverifiable,
    /// Something is missing.
    Incomplete,
    /// Something is there that must not be, or contradicts.
    Tampered,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Severity::Note => "note",
            Severity::Unverifiable => "unverifiable",
            Severity::Incomplete => "incomplete",
            Severity::Tampered => "tampered",
        })
    }
}

macro_rules! codes {
    ($($id:ident $name:ident $severity:ident $meaning:literal $remedy:literal;)*) => {
        /// What kind of mismatch a finding is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// Every code, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The stable code that scripts rely on.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => stringify!($id),)* }
            }

            /// How grave it is.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }

            /// What it means.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)* }
            }

            /// What to do about it.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Code::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    // The archive itself, its keys, and what stands under its prefix.
    KV001 IdentityMissing Incomplete
        "There is no archive.json: nothing can be checked without the archive's identity."
        "Check the bucket and prefix. If they are right, restore archive.json from a copy: its hash is in every genesis.";
    KV002 IdentityMalformed Tampered
        "archive.json is not the canonical identity of an archive."
        "Restore the original from a copy; its hash must give the genesis of every partition.";
    KV003 KeyNotOfArchive Tampered
        "None of the keys that were brought belongs to the archive, by archive.json or by a key change."
        "Make sure that the key is the one for this archive. If it is, somebody replaced the archive's identity.";
    KV004 KeyChangeInvalid Tampered
        "An object stands where a valid key change must be, or a key change breaks a rule."
        "Treat the keys that it names as untrusted; find out who can write under keys/.";
    KV005 KeyChangeMissing Incomplete
        "A key change is missing from the sequence, or one is named that is not there."
        "Restore the missing object under keys/ from a copy.";
    KV006 KeyCheckpointMissing Incomplete
        "The checkpoint that a key change names is missing, so it is open what its keys may sign."
        "Restore that checkpoint from a copy, and bring it with --checkpoint.";
    KV007 KeyPassedOver Note
        "An object under keys/ is no valid note and was passed over."
        "Nothing depends on it. Find out who could put it there.";
    KV008 KeyUnreadable Unverifiable
        "A key change could not be read, or is of a type that this version does not know."
        "Give the verifier read access, or use a newer kivend.";
    KV101 StrayObject Tampered
        "An object stands under the prefix whose key no object of an archive has."
        "Find out who put it there; keep other software out of the archive's prefix.";
    KV102 UnnamedSegment Tampered
        "A segment stands where no link names it, and it is no copy of what links hold."
        "Do not query the data folder as a whole: take the list of `kivend files`. Find out who wrote it.";
    KV103 PendingSegment Note
        "A segment without a link stands at a head's next offset, or where an epoch ended: an interrupted writer may leave one."
        "None: at a head, the next run of the archiver adopts or rejects it; of an ended epoch it stays.";
    KV104 HiddenVersion Tampered
        "A key has more than one version, or a delete marker hides it; the oldest version was checked."
        "Remove the newer versions or markers; deny delete and overwrite to everybody, and turn on Object Lock.";
    KV105 CopiedSegment Note
        "A segment that no link names holds nothing but what links hold: an archiver that was stopped or cut off for a while left it."
        "Nothing depends on it. Do not query the data folder as a whole: take the list of `kivend files`.";
    // Links: the chain of a partition.
    KV201 LinkMissing Incomplete
        "Links are missing from the middle of a chain."
        "Restore them from a copy or an older version of the bucket; what they owned is not covered until then.";
    KV202 LinkAltered Tampered
        "Where a link is proved to have stood, there is something else: it is no note signed by a key in force."
        "Restore the original from a copy or an older version of the bucket.";
    KV203 LinkBreaksRule Tampered
        "A link is signed by a key in force, but what it says breaks a rule or does not continue the chain."
        "Suspect whoever holds the signing key: only they can have written it.";
    KV204 StrayLink Tampered
        "An object stands among the links where no link can be."
        "Find out who can create objects under links/.";
    KV205 LinkDoubled Tampered
        "Two valid links stand at one place of the chain."
        "Suspect whoever holds the signing key: a second history of these records was signed.";
    KV206 LinkPassedOver Note
        "An object at a link's key is no valid note; the chain goes on without it."
        "Nothing depends on it. Find out who could put it there.";
    KV207 LinkAttemptMissing Incomplete
        "A link counts under its -r name, but what it had to make way for is gone."
        "Find out who can delete under links/.";
    KV208 LinkUnreadable Unverifiable
        "A link could not be read."
        "Give the verifier read access and run it again; nothing is claimed from there on.";
    KV209 LinkUnknownType Unverifiable
        "A validly signed note is of a type that this version does not know."
        "Use a newer kivend; nothing is claimed from there on.";
    KV210 LossDeclared Note
        "Kafka deleted this range before it was archived, and a signed link says so."
        "None for the past. Lengthen the topic's retention, or watch the archiver's lag.";
    KV211 LossNotAccepted Incomplete
        "A declared loss, and --fail-on-loss was asked."
        "Restore the range from another copy of the topic, or verify without --fail-on-loss.";
    KV212 LinkCheckpointMissing Incomplete
        "A link names a checkpoint that is not there."
        "Restore it from a copy, and bring it with --checkpoint.";
    KV213 LinkCheckpointDiffers Tampered
        "The checkpoint that a link names has another hash."
        "Compare with a saved copy of that checkpoint: the one in the bucket was replaced.";
    // Segments: the records themselves.
    KV301 SegmentMissing Incomplete
        "A segment that a link owns is not there."
        "Restore it from a copy, or make it again from Kafka while Kafka still has the records.";
    KV302 SegmentUnreadable Unverifiable
        "A segment could not be read from the store."
        "Give the verifier read access and run it again.";
    KV303 SegmentAltered Tampered
        "A segment does not have the length and hash that its link signed."
        "Restore the original from a copy or an older version of the bucket; other findings say what was changed.";
    KV304 SegmentMalformed Tampered
        "An object that a link owns is not a segment of the format."
        "Restore the original from a copy or an older version of the bucket.";
    KV305 FooterDiffers Tampered
        "A segment's footer says something else than its link."
        "Trust the link; restore the original segment.";
    KV306 RecordsDiffer Tampered
        "The records of a segment do not give the root that its link signed."
        "Restore the original. Verify against Kafka while it holds the range: it names the exact records.";
    KV307 RangeDiffers Tampered
        "A segment's rows are not those of its range: missing, doubled, out of order, foreign, or miscounted."
        "Restore the original segment from a copy or an older version of the bucket.";
    KV308 TimestampsDiffer Tampered
        "The link's least or greatest timestamp is not that of the records."
        "The records themselves may be right; do not rely on the link's times. Suspect whoever holds the signing key.";
    KV309 TypedColumnDiffers Tampered
        "A typed column says something else than the record's value gives."
        "Queries on the typed columns were misled; the value column is the record. Restore the original segment.";
    KV310 StatisticsHideRows Tampered
        "Statistics of a segment leave out rows that are there: query engines would skip them."
        "Restore the original segment; repeat queries that ran over this file.";
    KV311 RejectedMissing Incomplete
        "An object that a link names as rejected is not there."
        "Find out who can delete under data/.";
    KV312 RejectedAltered Tampered
        "A rejected object does not have the length and hash that its link signed."
        "Find out who can overwrite under data/; nothing of it ever entered the archive.";
    KV313 RejectedPresent Note
        "An object was found at a segment's key and rejected; it is no part of the archive."
        "Find out who could put it there; do not query the data folder as a whole.";
    KV314 ProjectionChanged Note
        "The rules for typed columns changed between two segments."
        "None, if the configuration was changed on purpose.";
    // Checkpoints.
    KV401 CheckpointMissing Incomplete
        "A checkpoint is missing from the sequence, or there is none."
        "Restore it from a copy.";
    KV402 CheckpointAltered Tampered
        "Where a checkpoint is proved to have stood, there is something else."
        "Restore the original from a copy; bring a saved one with --checkpoint.";
    KV403 CheckpointBreaksRule Tampered
        "A checkpoint is signed by a key in force, but breaks a rule or does not continue the one before."
        "Suspect whoever holds the signing key.";
    KV404 ChainCut Incomplete
        "A checkpoint names links beyond the end of the chain: the newest part was cut off."
        "Restore the missing links and segments; until then everything after the chain's end is not covered.";
    KV405 ChainDiffers Tampered
        "A checkpoint names another link, range or log root than the chain has at that height."
        "The chain was rewritten after the checkpoint was signed. Restore it from a copy.";
    KV406 CheckpointPassedOver Note
        "An object at a checkpoint's key is no valid note; the sequence goes on without it."
        "Nothing depends on it. Find out who could put it there.";
    KV407 CheckpointAttemptMissing Incomplete
        "A note counts under its -r name, but what it had to make way for is gone."
        "Find out who can delete under checkpoints/ or keys/.";
    KV408 CheckpointUnreadable Unverifiable
        "A checkpoint could not be read, or is of a type that this version does not know."
        "Give the verifier read access, or use a newer kivend.";
    KV409 CheckpointDoubled Tampered
        "Two valid checkpoints, or key changes, have one number."
        "Suspect whoever holds the signing key.";
    KV410 SavedCheckpointMissing Incomplete
        "A checkpoint saved elsewhere is not in the bucket any more."
        "Restore it from the copy.";
    KV411 SavedCheckpointDiffers Tampered
        "A checkpoint that was saved elsewhere is not the bucket's of this number, or no key of this archive signed it."
        "If it is of this archive, trust the saved one: the bucket was rewritten after it was made.";
    KV412 Unanchored Note
        "The newest links are covered by no checkpoint and by nothing in Kafka that was looked at."
        "Wait for the next checkpoint, or verify against Kafka.";
    KV413 StrayCheckpoint Tampered
        "An object stands among checkpoints or key changes where none can be."
        "Find out who can create objects there.";
    KV414 MirrorUnreadable Unverifiable
        "A second place of checkpoints could not be read, so the archive was not held against it."
        "Give the verifier read access to it, or verify with --against rows,links,kafka.";
    KV415 MirrorEmpty Note
        "A second place holds no valid checkpoint of this archive."
        "None before the first copy; else find out who emptied it, and bring a saved checkpoint with --checkpoint.";
    // Kafka.
    KV501 KafkaUnreadable Unverifiable
        "Kafka could not be asked, so nothing was compared with it."
        "Start the brokers or mend the connection, or verify with --against rows,links.";
    KV502 CommitMissing Unverifiable
        "The group has no committed offset for this partition: whether the newest links were cut off is open."
        "A group's commits expire after some days without an archiver. Run the archiver, or bring a saved checkpoint.";
    KV503 CommitForeign Unverifiable
        "The group's commit was not made by kivend: its metadata names no link."
        "Somebody moved the group's offset. Run the archiver: it continues from the bucket and commits anew.";
    KV504 HeadCut Incomplete
        "Kafka's commit names a link beyond the end of the chain: the newest part was cut off."
        "Restore the missing links and segments, or archive the range again while Kafka holds it.";
    KV505 CommitDiffers Tampered
        "Kafka's commit names another link, or another offset, than the chain has at that height."
        "The chain was rewritten after the commit, or the commit was forged. Compare with a saved checkpoint.";
    KV506 RecordsDifferFromKafka Tampered
        "Archived records are not those that Kafka holds at the same offsets."
        "The offsets named are the changed ones. Find out which side changed; the link's signature speaks for the archive.";
    KV507 RecordsNotArchived Tampered
        "Kafka holds records inside an archived range that the archive leaves out."
        "Export them from Kafka now, before its retention deletes them.";
    KV508 LossFalse Tampered
        "A link claims that Kafka lost a range which Kafka still holds."
        "Export the range from Kafka now. Suspect whoever holds the signing key.";
    KV509 Lag Note
        "Kafka holds records beyond the head that are not archived yet."
        "None while the archiver runs and the lag falls.";
    KV510 NotAtRest Incomplete
        "Kafka holds records beyond the head, and --at-rest was asked."
        "Run `kivend archive`, and verify again.";
    KV511 PartitionNotArchived Incomplete
        "Kafka has records in a partition of which the archive has no link."
        "Run the archiver; if it ran, look at its log for this partition.";
    KV512 RecordsNotInKafka Tampered
        "The archive has records that Kafka does not have at offsets which it still holds."
        "If the topic is compacted this is expected of Kafka; otherwise the records were made up.";
    KV513 KafkaEndsBeforeHead Tampered
        "Kafka's log ends before the archive does."
        "If the topic was deleted and created again, declare it to the archiver: it begins a new epoch.";
    // Proof files.
    KV601 ProofMalformed Tampered
        "The file is not a proof of the format."
        "Get it again from whoever made it, byte for byte; it proves nothing.";
    KV602 ProofUnknownType Unverifiable
        "The proof, or a note in it, is of a type that this version does not know."
        "Use a newer kivend.";
    KV603 ProofNoteInvalid Tampered
        "The proof rests on a note that no key in force signed, or that breaks a rule."
        "It proves nothing. Make sure that the key is the archive's, and get the proof again.";
    KV604 ProofPathDiffers Tampered
        "A path in the proof does not lead to the root that was signed."
        "It proves nothing: what it shows, or the path, was changed.";
    KV605 ProofContradicts Tampered
        "Parts of the proof contradict each other."
        "It proves nothing: it was put together from parts that do not belong together.";
    // Coverage.
    KV901 NothingArchived Incomplete
        "The archive has no link at all."
        "Check bucket and prefix; run the archiver.";
    KV902 NothingInScope Incomplete
        "The scope that was asked for contains nothing, so nothing is claimed."
        "Widen --since, or mend --topic and --partition.";
    KV903 ShardMissing Incomplete
        "The report of a shard is missing, so its partitions are not covered."
        "Run that shard, and merge again with its report.";
    KV904 ShardsDiffer Incomplete
        "A report is not one of the same verification: another archive, scope, trust or deal, doubled, or from long before."
        "Run all shards with the same options, at about the same time, and merge their reports, each once.";
    KV905 ShardsDisagree Tampered
        "Two shards saw different checkpoints under one number: the bucket did not show them the same archive."
        "Suspect whoever controls the bucket or the way to it. Run the verification in one piece, with a saved checkpoint.";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.id())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Code, D::Error> {
        let id = String::deserialize(deserializer)?;
        let known = Code::ALL.iter().find(|code| code.id() == id);
        known
            .copied()
            .ok_or_else(|| serde::de::Error::custom(format!("a finding that this version does not know: {id}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_stable_ascending_and_said_once() {
        let ids: Vec<_> = Code::ALL.iter().map(|code| code.id()).collect();
        assert!(ids.is_sorted_by(|a, b| a < b), "{ids:?}");
        for code in Code::ALL {
            assert!(code.id().len() == 5 && code.id().starts_with("KV"));
            assert!(code.meaning().ends_with('.') && code.remedy().ends_with('.'));
        }
    }

    #[test]
    fn the_document_is_the_table() {
        let document = include_str!("../../docs/FINDINGS.md");
        for code in Code::ALL {
            let row = format!(
                "| {} | {} | {} | {} |",
                code.id(),
                code.severity(),
                code.meaning(),
                code.remedy()
            );
            assert!(document.contains(&row), "docs/FINDINGS.md lacks:\n{row}");
        }
        assert_eq!(document.matches("\n| KV").count(), Code::ALL.len());
    }
}
