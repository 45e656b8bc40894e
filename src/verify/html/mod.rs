//! The report as one HTML page without scripts, fonts or images from elsewhere, so that it can be archived and printed. First
//! comes what a judge asks, then each topic, the findings, and what experts need. Everything from the bucket is escaped: an
//! attacker may have written it.

mod damage;
mod examined;
mod files;
mod findings;
mod glossary;
mod log;
mod markup;
mod page;
mod picture;
mod proves;
mod repeat;
mod retrieval;
mod signed;
mod sum;
mod topics;

pub use page::render;
pub use retrieval::render_retrieval;
