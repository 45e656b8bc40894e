//! The words that a reader without knowledge of Kafka needs, one line each.

use std::fmt::{self, Write};

const WORDS: [(&str, &str); 9] = [
    (
        "Kafka",
        "the system through which the records were sent, and which keeps them for some time",
    ),
    (
        "topic, partition",
        "a topic is a named stream of records; it is divided into partitions, each with an order of its own",
    ),
    (
        "record",
        "what a program sent: a value, and optionally a record key and headers, with a time",
    ),
    (
        "offset",
        "the number of a record in its partition, given by Kafka; some offsets have no record",
    ),
    (
        "segment",
        "a file of the archive with consecutive records of one partition",
    ),
    (
        "link",
        "a signed statement about one segment: its offsets, the number and the hash of its records, and the hash of the link before",
    ),
    ("chain", "the links of a partition, in order"),
    (
        "checkpoint",
        "a signed statement about the whole archive up to a time; whoever keeps a copy can tell later whether the past was rewritten",
    ),
    (
        "witness",
        "somebody else who signs checkpoints too (cosigns), and refuses a rewritten past",
    ),
];

/// The section.
pub(super) fn write(page: &mut String) -> fmt::Result {
    writeln!(page, "<section>\n<h2>Words</h2>\n<dl>")?;
    for (word, meaning) in WORDS {
        writeln!(page, "<dt>{word}</dt><dd>{meaning}</dd>")?;
    }
    writeln!(page, "</dl>\n</section>")
}
