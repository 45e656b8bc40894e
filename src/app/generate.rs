//! Writes the events of a synthetic shop. Memory does not depend on the number of events.

use std::io::{self, Write};

use crate::synthetic::Shop;
use crate::task::progress::{Progress, Unit};

/// The size of writes.
const WRITE_BYTES: usize = 1 << 20;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Generated {
    /// The number of events, one per line.
    pub events: u64,
    /// The number of bytes, newlines included.
    pub bytes: u64,
}

/// Writes all events of the shop to `out`. The same shop gives the same bytes.
///
/// # Errors
/// `out` cannot be written.
pub fn generate(mut shop: Shop, out: &mut impl Write, progress: &dyn Progress) -> io::Result<Generated> {
    let generating = progress.begin("generating", Unit::Events);
    generating.add_total(shop.events());
    let mut shown = 0;
    let mut lines = Vec::with_capacity(WRITE_BYTES + WRITE_BYTES / 8);
    let mut written = Generated { events: 0, bytes: 0 };
    loop {
        let session = shop.write_session(&mut lines);
        written.events += session.unwrap_or_default();
        if lines.len() >= WRITE_BYTES || session.is_none() {
            out.write_all(&lines)?;
            written.bytes += lines.len() as u64;
            lines.clear();
            generating.advance(written.events - shown);
            shown = written.events;
        }
        if session.is_none() {
            out.flush()?;
            return Ok(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::progress::Silent;

    #[test]
    fn what_is_written_is_what_is_reported() {
        let mut out = Vec::new();
        let written = generate(Shop::new(1_234, 42), &mut out, &Silent).unwrap();
        assert_eq!(written.events, 1_234);
        assert_eq!(written.bytes, out.len() as u64);
        assert_eq!(memchr::memchr_iter(b'\n', &out).count(), 1_234);
    }
}
