//! The archiver's decisions, without its hands: a state machine per partition that takes events and returns actions.
//!
//! ```text
//!             HeadLoaded                    due by policy          Encoded            SegmentCreated      LinkCreated
//!  Loading ──────────────▶ open segment ────────────────▶ Encoding ───────▶ Segment ───────────────▶ Link ───────────▶ Commit
//!     ▲                        ▲                                                │ taken                 │ taken            │
//!     └────────────────────────┼────────────────────────────────────────────────┴───────────────────────┘                  │
//!                              └───────────────────────────────────────────────────────────────────────────────────────────┘
//! ```
//!
//! [`machine::Machine`] holds every partition and the one memory budget; [`partition`] is the diagram above. The app
//! carries the actions out against Kafka and the store, the simulator against doubles of both; neither decides anything.
//! Pure: time comes in as [`step::Now`], and nothing here waits.

pub mod adoption;
pub mod author;
pub mod epochs;
pub mod machine;
pub mod open;
pub mod partition;
pub mod policy;
pub mod step;
