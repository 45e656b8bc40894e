//! The table of findings: for each a stable code, its severity, what it means and what to do. `docs/FINDINGS.md` is the
//! same table; a test compares the two.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::verify::severity::Severity;

macro_rules! codes {
    ($($id:ident $name:ident $severity:ident $meaning:literal $remedy:literal;)*) => {
        /// The kind of a finding. Its `id` is stable, for scripts.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $meaning] $name,)*
        }

        impl Code {
            /// All codes, in the order of the table.
            pub const ALL: &[Code] = &[$(Code::$name,)*];

            /// The stable code, such as `KV301`.
            #[must_use]
            pub fn id(self) -> &'static str {
                match self { $(Code::$name => stringify!($id),)* }
            }

            /// The severity of every finding with this code.
            #[must_use]
            pub fn severity(self) -> Severity {
                match self { $(Code::$name => Severity::$severity,)* }
            }

            /// What it means, in full sentences.
            #[must_use]
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)* }
            }

            /// What the reader can do about it, in full sentences.
            #[must_use]
            pub fn remedy(self) -> &'static str {
                match self { $(Code::$name => $remedy,)* }
            }
        }
    };
}

codes! {
    // The identity of the archive, its keys, and the objects under its prefix.
    KV001 IdentityMissing Incomplete
        "archive.json, the identity of the archive, is missing, so nothing else was checked."
        "Check the bucket and the prefix. If they are right, restore archive.json from a backup or an older version of the bucket; if nothing was archived yet, run `kivend archive`.";
    KV002 IdentityMalformed Tampered
        "archive.json is not a valid identity of an archive: it was changed or replaced."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or an older version of the bucket. The first link of every partition proves which version is the original.";
    KV003 KeyNotOfArchive Tampered
        "None of the given public keys belongs to this archive, or none of them signed anything in it."
        "Check that the key is the one for this archive. If it is, the identity of the archive or its log was replaced: restore archive.json and log/ from a backup.";
    KV009 EntryNotProved Unverifiable
        "Entries of the log are signed by keys that neither descend from what the verifier was given nor are covered by it."
        "Verify with a newer saved checkpoint, with a change key of the archive, or with the public key that signs now.";
    KV010 LinkNotProved Unverifiable
        "Links are signed by keys that neither descend from what the verifier was given nor are covered by it."
        "Verify with a newer saved checkpoint, with a change key of the archive, or with the public key that signs now.";
    KV011 PolicyNotMet Note
        "No checkpoint is cosigned by the given witnesses as the policy asks."
        "Check the keys of the witnesses, and whether the archiver reaches them. Without other proof, the archive is unverifiable.";
    KV012 IdentityUnreadable Unverifiable
        "archive.json, the identity of the archive, could not be read or has an unknown version, so nothing else was checked."
        "Give the verifier read access, or use a newer version of kivend, and verify again.";
    KV101 StrayObject Tampered
        "An object under the archive's prefix does not belong to an archive."
        "Find out who created it. Keep other software out of the archive's prefix.";
    KV102 UnnamedSegment Tampered
        "A segment has no link and is not an orphan: somebody added it, or its link was deleted. Its records are not proved."
        "If a link is missing, restore it from a backup. Otherwise find out who created the segment. Query only the files that `kivend files` lists.";
    KV103 PendingSegment Note
        "A segment has no link. It is at the end of a chain or of an epoch, where an interrupted archiver may leave one."
        "No action is needed. At the end of a chain, the next run of the archiver adopts or rejects it; at the end of an epoch it stays.";
    KV104 HiddenVersion Tampered
        "An object has more than one version, or a delete marker hides it: somebody overwrote or deleted it. The oldest version was checked."
        "First keep the evidence: copy each newer version with its version id and time, note the delete markers, and save the bucket's access log. Then remove the newer versions and the markers, so that readers get the oldest version. Deny delete and overwrite to everyone, and turn on Object Lock.";
    KV105 OrphanSegment Note
        "A segment that no link names is an orphan: all of its records are archived in other segments. An archiver that lost its partition may leave one."
        "No action is needed. Query only the files that `kivend files` lists, or the records of this file are counted twice.";
    KV106 FolderMarker Note
        "An empty object whose key ends in `/`, as consoles of stores create to show a folder. It was ignored and has no effect."
        "No action is needed.";
    KV107 ReservedObject Note
        "An object under tile/, which is reserved. It was ignored and has no effect."
        "No action is needed for the archive. Find out who created it.";
    KV108 SegmentPassedOver Note
        "The archiver passed over an object in the place of a segment without reading it: so many were there that its link cannot name them all."
        "Find out who can create objects under data/. Query only the files that `kivend files` lists.";
    KV109 Replay Note
        "A valid note was copied to another place. It was ignored and has no effect."
        "No action is needed for the archive. Find out who can create objects under its prefix.";
    // Links: the chain of a partition.
    KV201 LinkMissing Incomplete
        "Links are missing from the middle of a chain. The records of their range are not proved."
        "Restore the links from a backup or an older version of the bucket.";
    KV202 LinkAltered Tampered
        "A link was replaced or damaged: other objects prove that a valid link was here, but this object is not signed by a valid key."
        "Keep a copy of the altered object as evidence, then restore the original link from a backup or an older version of the bucket.";
    KV203 LinkBreaksRule Tampered
        "A link is signed by a valid key, but it breaks a rule or does not continue the chain."
        "Compare it with a backup. Either a signed link was moved here, or a holder of the signing key signed a false one.";
    KV204 StrayLink Tampered
        "An object under links/ is at a place where no link can be."
        "Find out who can create objects under links/.";
    KV205 LinkDoubled Tampered
        "Two valid links exist for the same place of a chain."
        "Compare the two objects. If they are equal, one was copied here. If they differ, a holder of the signing key signed a second history of these records.";
    KV206 LinkPassedOver Note
        "An object with the name of a link is not a valid link. It was ignored, and the chain continues without it."
        "Find out who can create objects under links/. Verify against Kafka or a saved checkpoint to be sure that it did not replace the newest link.";
    KV207 LinkAttemptMissing Incomplete
        "A link has a retry suffix (-r1, -r2, …), but the object for which it had to step aside is missing."
        "Find out who can delete objects under links/.";
    KV208 LinkUnreadable Unverifiable
        "A link could not be read. Nothing after it in this partition was checked."
        "Give the verifier read access, and verify again.";
    KV209 LinkUnknownType Unverifiable
        "A validly signed link has a type that this version of kivend does not know. Nothing after it in this partition was checked."
        "Verify with a newer version of kivend.";
    KV210 LossDeclared Note
        "Kafka deleted these offsets before they were archived. A signed link records the loss."
        "The archive does not have these records. To prevent more losses, increase the topic's retention and watch the archiver's lag.";
    KV211 LossNotAccepted Incomplete
        "Kafka deleted these offsets before they were archived, and --fail-on-loss counts that as missing."
        "Look for the records in another copy of the topic. To accept declared losses, verify without --fail-on-loss.";
    KV212 LinkCheckpointMissing Incomplete
        "A checkpoint that a link names is missing, or its entry is."
        "Restore the objects under log/ and checkpoints/ from a backup or a checkpoint mirror.";
    KV213 LinkCheckpointDiffers Tampered
        "A link names a checkpoint with another root than the entries of the log have."
        "Compare with a saved copy of that checkpoint. Either the log was rewritten, or a holder of the signing key signed a false link.";
    KV214 RecordsSuperseded Note
        "Kafka acknowledged these records and lost them in an unclean leader election, as an operator declared. The archive keeps them in an epoch that has ended."
        "Query them in the ended epoch. To prevent more losses, forbid unclean leader elections (unclean.leader.election.enable=false).";
    KV216 LinkUndecided Note
        "A retired key signed this link, and the log entry that decides whether it counts is missing. It was judged like a valid link."
        "Run the archiver: it writes that entry.";
    // Segments: the records themselves.
    KV301 SegmentMissing Incomplete
        "A segment is missing. Its records cannot be read from the archive."
        "Restore it from a backup or an older version of the bucket. While Kafka still holds the records, save them from there.";
    KV302 SegmentUnreadable Unverifiable
        "A segment could not be read from the store, so its records were not checked."
        "Give the verifier read access, and verify again.";
    KV303 SegmentAltered Tampered
        "The bytes of a segment were changed: its length or hash is not the signed one."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or an older version of the bucket. Where other findings name the same object, they say more.";
    KV304 SegmentMalformed Tampered
        "An object that a link names is not a readable segment: it was replaced or damaged."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or an older version of the bucket.";
    KV305 FooterDiffers Tampered
        "The footer of a segment contradicts its link."
        "Trust the link. Keep a copy of the altered object as evidence, then restore the original segment from a backup or an older version of the bucket.";
    KV306 RecordsDiffer Tampered
        "The records of a segment are not the signed ones: at least one was changed, added or removed."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or an older version of the bucket. While Kafka holds the range, verify against Kafka to learn which records differ.";
    KV307 RangeDiffers Tampered
        "A segment does not hold exactly the records of its range: records are missing, repeated, out of order or from another partition, or the count is wrong."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or an older version of the bucket.";
    KV308 TimestampsDiffer Tampered
        "The earliest or latest record time in a link is not that of the records in its segment."
        "If KV306 names the same segment, its records were changed: keep a copy of it as evidence, then restore it. Otherwise a holder of the signing key signed false times: do not rely on the times in this link.";
    KV309 TypedColumnDiffers Tampered
        "A typed column does not match the record's value. Queries that used this column were misled."
        "If KV306 names the same segment, its records were changed too, and only the original segment shows them. Otherwise the value column is the signed record. Keep a copy of the altered object as evidence, then restore the original from a backup or an older version of the bucket, and repeat the queries.";
    KV310 StatisticsHideRows Tampered
        "The statistics of a segment hide rows from query engines."
        "Keep a copy of the altered object as evidence, then restore the original segment from a backup or an older version of the bucket, and repeat queries that read it.";
    KV311 RejectedMissing Incomplete
        "An object that a link lists as rejected is missing. It was never part of the archive."
        "Find out who can delete objects under data/.";
    KV312 RejectedAltered Tampered
        "An object that a link lists as rejected was changed. It was never part of the archive."
        "Find out who can overwrite objects under data/.";
    KV313 RejectedPresent Note
        "The archiver found an object in the place of a segment and rejected it. It is not part of the archive."
        "Find out who created it. Query only the files that `kivend files` lists.";
    KV314 ProjectionChanged Note
        "The rules for typed columns changed between two segments."
        "No action is needed if the configuration was changed on purpose.";
    KV315 EncodingUnknown Unverifiable
        "A validly signed link has an encoding of records that this version of kivend does not know. The records of that link were not checked."
        "Verify with a newer version of kivend.";
    KV316 SegmentsRemoved Note
        "Segments were removed under a signed retention change. Their links remain, so proofs of their records stay valid."
        "No action is needed if the removal was meant.";
    // Checkpoints.
    KV401 CheckpointMissing Incomplete
        "A checkpoint is missing."
        "Restore it from a backup or a checkpoint mirror.";
    KV402 CheckpointAltered Tampered
        "A checkpoint was replaced or damaged: other objects prove that a valid checkpoint was here, but this object is not signed by a valid key."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or a checkpoint mirror.";
    KV403 CheckpointBreaksRule Tampered
        "A checkpoint is signed by a valid key, but its root is not that of the entries, or it breaks another rule."
        "Compare it with a saved copy. A holder of the signing key signed a false one, or the entries were replaced.";
    KV404 ChainCut Incomplete
        "The log names links beyond the end of the chain: the newest part of the chain is missing."
        "Restore the missing links and segments from a backup or an older version of the bucket.";
    KV405 ChainDiffers Tampered
        "An entry of the log contradicts the chain: the link, its range or the log root at that height is another one."
        "A holder of the signing key rewrote the chain or signed a false entry. Compare with a saved checkpoint and with a backup.";
    KV406 CheckpointPassedOver Note
        "An object with the name of a checkpoint is not a valid checkpoint. It was ignored."
        "Find out who can create objects under checkpoints/. Verify with a saved checkpoint to be sure that it did not replace the newest one.";
    KV407 CheckpointAttemptMissing Incomplete
        "A checkpoint has a retry suffix (-r1, -r2, …), but the object for which it had to step aside is missing."
        "Find out who can delete objects under checkpoints/.";
    KV408 CheckpointUnreadable Unverifiable
        "A checkpoint could not be read, or has a type that this version of kivend does not know."
        "Give the verifier read access, or use a newer version of kivend.";
    KV410 SavedCheckpointMissing Incomplete
        "A checkpoint that was saved elsewhere is missing from the bucket, or its entry is."
        "Restore checkpoint and entry from the saved copies.";
    KV411 SavedCheckpointDiffers Tampered
        "A checkpoint that was saved elsewhere contradicts the log in the bucket."
        "Check that the saved checkpoint is of this archive. If it is, trust it: the bucket was rewritten after it was saved.";
    KV412 Unanchored Note
        "The newest links are not covered by a checkpoint, nor confirmed by Kafka."
        "Wait for the next checkpoint, or verify against Kafka.";
    KV413 StrayCheckpoint Tampered
        "An object under checkpoints/ is at a place where no checkpoint can be."
        "Find out who can create objects under checkpoints/.";
    KV414 MirrorUnreadable Unverifiable
        "A checkpoint mirror could not be read, so the archive was not compared with it."
        "Give the verifier read access to the mirror. To verify without mirrors, use --against rows,links,kafka.";
    KV415 MirrorEmpty Note
        "A checkpoint mirror holds no valid checkpoint of this archive."
        "This is normal before the first checkpoint is copied there. Otherwise find out who emptied the mirror, and verify with a saved checkpoint (--checkpoint).";
    KV416 EntryMissing Incomplete
        "Entries of the log are missing, so what stands after them was not judged."
        "Restore the objects under log/ from a backup or a checkpoint mirror.";
    KV417 EntryAltered Tampered
        "An entry of the log was replaced or damaged: other objects prove that a valid entry was here, but this object is not signed by a valid key."
        "Keep a copy of the altered object as evidence, then restore the original from a backup or a checkpoint mirror.";
    KV418 EntryBreaksRule Tampered
        "An entry of the log is signed by a key of this archive, but it is not valid at its place."
        "A holder of the signing key signed a second history, or went on signing after the key was retired. Compare with a saved checkpoint.";
    KV419 EntryHeadsFalse Tampered
        "The heads of an entry of the log go back, or leave a partition out."
        "A holder of the signing key signed a false entry. Compare with the entry before it and with the chain.";
    KV420 EntryPassedOver Note
        "An object with the name of an entry is not a valid entry. It was ignored."
        "Find out who can create objects under log/. Verify with a saved checkpoint to be sure that it did not replace the newest entry.";
    KV421 StrayEntry Tampered
        "An object under log/ is at a place where no entry can be."
        "Find out who can create objects under log/.";
    KV422 EntryDoubled Tampered
        "Two valid entries have the same number."
        "Compare the two objects: a holder of the signing key signed a second history.";
    KV423 EntryAttemptMissing Incomplete
        "An entry has a retry suffix (-r1, -r2, …), but the object for which it had to step aside is missing."
        "Find out who can delete objects under log/.";
    KV424 EntryUnreadable Unverifiable
        "An entry of the log could not be read, or has a type that this version of kivend does not know. Nothing after it was judged."
        "Give the verifier read access, or use a newer version of kivend.";
    KV425 CosignatureInvalid Note
        "An object under cosignatures/ is not a cosignature of its checkpoint. It proves nothing."
        "Find out who can create objects under cosignatures/.";
    KV426 SavedCheckpointForeign Unverifiable
        "A checkpoint that was saved elsewhere is of another log, or no key that may sign it signed it. It proves nothing."
        "Check that the file is the saved checkpoint of this archive. If it is, archive.json or the log was replaced after it was saved.";
    // Kafka.
    KV501 KafkaUnreadable Unverifiable
        "Kafka could not be read, so the archive was not compared with it."
        "Start the brokers or correct the connection settings. To verify without Kafka, use --against rows,links.";
    KV502 CommitMissing Unverifiable
        "The consumer group has no committed offset for this partition, so it is not known whether the newest links were removed."
        "Kafka deletes commits some days after the last archiver has stopped. Run the archiver, or verify with a saved checkpoint (--checkpoint).";
    KV503 CommitForeign Unverifiable
        "The committed offset of the consumer group was not written by kivend: its metadata names no link."
        "Find out who moved the group's offset. Run the archiver: it continues from the bucket and commits again.";
    KV504 HeadCut Incomplete
        "Kafka's commit names a link beyond the end of the chain: the newest part of the chain is missing."
        "Restore the missing links and segments from a backup or an older version of the bucket. While Kafka still holds the records, save them from there.";
    KV505 CommitDiffers Tampered
        "Kafka's commit contradicts the chain: the link or the offset at that height is another one."
        "The chain was rewritten after the commit, or the commit was forged. Compare with a saved checkpoint.";
    KV506 RecordsDifferFromKafka Tampered
        "Archived records differ from the records that Kafka holds at the same offsets."
        "The finding names the offsets, and says which side the signature of the archive backs. Where the archive has no id of the topic (brokers before 2.8), a topic that was deleted and created again looks the same: `kivend archive --new-epoch TOPIC` declares it.";
    KV507 RecordsNotArchived Tampered
        "Kafka holds records inside an archived range that the archive does not have."
        "Save these records from Kafka now, before its retention deletes them.";
    KV508 LossFalse Tampered
        "A link declares that Kafka lost offsets that Kafka still holds."
        "Save these records from Kafka now. Only a holder of the signing key can have signed the false loss.";
    KV509 Lag Note
        "Kafka holds newer records that are not archived yet."
        "No action is needed while the archiver runs and the lag falls.";
    KV510 NotAtRest Incomplete
        "Kafka holds newer records that are not archived, and --at-rest counts that as missing."
        "Run `kivend archive`, and verify again.";
    KV511 PartitionNotArchived Incomplete
        "Kafka has records in a partition for which the archive has no links."
        "Run the archiver. If it ran, look in its log for this partition.";
    KV512 RecordsNotInKafka Tampered
        "The archive has records that Kafka does not have, at offsets that Kafka still holds."
        "Compaction does not explain it. The finding says whether the signed records or the stored object have them. Ask whether records were deleted in Kafka (DeleteRecords).";
    KV513 KafkaEndsBeforeHead Tampered
        "The archive has offsets beyond the end of Kafka's log."
        "If the topic was deleted and created again on purpose, run `kivend archive --new-epoch TOPIC`. If an unclean leader election cut the log back, declare it with `kivend archive --diverged`. Otherwise records were added to the archive.";
    KV514 DivergenceFalse Tampered
        "A link declares that Kafka lost records in an unclean leader election, but Kafka still holds every one of them."
        "Find out who declared the divergence. The records are in the archive twice: query only those that are current.";
    KV515 SupersededHeld Note
        "Kafka still holds some of the records that a link declares lost in an unclean leader election. An archiver that had not noticed the election may have archived them under the old epoch."
        "No action is needed. The records are archived again in the epoch that followed.";
    KV516 CompactedAway Note
        "Kafka has compacted these records away: a later record with the same key is in the archive."
        "No action is needed. The archive keeps what compaction removes.";
    KV517 OpenTransaction Note
        "A transaction is open in Kafka. The records behind its first one cannot be archived before it ends."
        "No action is needed while it is young. `kivend doctor` says how old it is, and how to end one that hangs.";
    KV518 OpenTransactionNotAtRest Incomplete
        "Kafka holds records behind an open transaction, which are not archived, and --at-rest counts them as missing."
        "Wait until the transaction ends, or end it (`kivend doctor` says how). Then run `kivend archive`, and verify again.";
    KV519 LogCutBack Incomplete
        "Kafka's log was cut back below archived records, says the broker by their leader epoch: an unclean leader election removed them, or the topic was deleted and created again. What Kafka has there now is not archived."
        "Run `kivend archive`: it says which of both it was. Declare an election with `kivend archive --diverged TOPIC/PARTITION/EPOCH=OFFSET`, a new topic with `--new-epoch TOPIC`. The archive keeps what Kafka lost.";
    KV520 TopicNotInKafka Note
        "The topic is not in Kafka any more, while others of the archive are: its chains were compared with the log of the archive only."
        "No action is needed if it was deleted on purpose. A saved checkpoint (--checkpoint FILE) shows that its newest links are there.";
    KV521 TopicRecreated Incomplete
        "The topic in Kafka has another id than the archived one: it was deleted and created again, and the archive does not say so yet. Its records could not be compared with the archived ones, and they are not archived."
        "If that was intended, stop the archivers, run `kivend archive --new-epoch TOPIC`, and start them. Otherwise find out who deleted the topic: the archive keeps what it held. If the brokers are of another cluster, name those of the archived one.";
    // Proof files.
    KV601 ProofMalformed Tampered
        "The file is not a valid proof file. It proves nothing."
        "Get an unchanged copy of the proof from its author.";
    KV602 ProofUnknownType Unverifiable
        "The proof, or a note in it, has a type that this version of kivend does not know."
        "Use a newer version of kivend.";
    KV603 ProofNoteInvalid Tampered
        "A note in the proof is not signed by a valid key, or breaks a rule. The file proves nothing."
        "Check that the key is the archive's. If it is, get the proof again from its author.";
    KV604 ProofPathDiffers Tampered
        "A hash path in the proof does not lead to the signed root: the record or the path was changed. The file proves nothing."
        "Get an unchanged copy of the proof from its author.";
    KV605 ProofContradicts Tampered
        "Parts of the proof contradict each other. The file proves nothing."
        "Get an unchanged copy of the proof from its author.";
    KV606 ProofNotTrusted Unverifiable
        "The checkpoint in the proof is signed by a key that does not descend from what the verifier was given, and the given witnesses did not cosign it."
        "Verify with the key, the origin or the witnesses of the archive.";
    KV607 ProofFolderDiffers Tampered
        "A file beside the proof does not hold the proved records, or is missing."
        "Rely on the proof file, which holds all records, or get an unchanged copy of the folder from its author.";
    // Coverage.
    KV901 NothingArchived Incomplete
        "The archive has no links: nothing was archived."
        "Check the bucket and the prefix, and run the archiver.";
    KV902 NothingInScope Incomplete
        "The requested scope contains nothing, so nothing was checked."
        "Check --topic, --partition and --since.";
    KV903 ShardMissing Incomplete
        "The report of a shard is missing, so its partitions were not checked."
        "Run that shard, and merge again with its report.";
    KV904 ShardsDiffer Incomplete
        "A report does not belong to the same verification: its archive, options, keys or number of shards differ, it is given twice, or it is too old."
        "Run all shards with the same options at about the same time, and merge each report once.";
    KV905 ShardsDisagree Tampered
        "Two shards saw different logs: the bucket did not show them the same archive."
        "Find out who controls the bucket or the network path to it. Verify the archive in one run, with a saved checkpoint (--checkpoint).";
    KV906 NothingProduced Note
        "Kafka never had a record in the requested scope, and the archive has none."
        "No action is needed. Check --topic and --partition if records were expected.";
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
            .ok_or_else(|| serde::de::Error::custom(format!("this version of kivend does not know the finding {id}")))
    }
}

#[cfg(test)]
#[path = "codes_tests.rs"]
mod tests;
