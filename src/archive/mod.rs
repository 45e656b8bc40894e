//! The archiver's decisions: a state machine per partition that takes events and returns actions.
//!
//! ```text
//!             HeadLoaded                    due by policy          Encoded            SegmentCreated      LinkCreated
//!  Loading ──────────────▶ open segment ────────────────▶ Encoding ───────▶ Segment ───────────────▶ Link ───────────▶ Commit
//!     ▲                        ▲                                                │ taken                 │ taken            │
//!     └────────────────────────┼────────────────────────────────────────────────┴───────────────────────┘                  │
//!                              └───────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! [`machine::Machine`] has all partitions and the memory budget; [`partition`] implements the diagram above.
//! [`crate::archiver`] carries the actions out on Kafka and the store, the simulator in the tests on doubles of both.
//! Pure: time comes in as [`step::Now`].

pub mod adoption;
pub mod author;
pub mod epochs;
pub mod machine;
pub mod open;
pub mod partition;
pub mod policy;
pub mod step;
