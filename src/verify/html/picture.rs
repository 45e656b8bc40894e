//! Pictures of what the archive covers over time: a bar for each partition, on one scale for the whole report. SVG in the page.

use std::fmt::{self, Write};

use crate::verify::bulk::bulk;
use crate::verify::coverage::{Coverage, Mark, MarkKind};
use crate::verify::html::damage::{class, words};
use crate::verify::html::markup::{Escaped, moment};
use crate::verify::report::{Report, counted, grouped};
use crate::verify::times::earliest;

/// The width of a bar in its own units.
const WIDTH: i64 = 1_000;
/// The height of a bar.
const HEIGHT: usize = 12;
/// Parts of the height of a bar, at most, so that each is seen. Divides [`HEIGHT`].
const LANES_MAX: usize = 6;
/// The least width of a mark, so that the shortest is seen.
const MARK_MIN: i64 = 5;

/// The scale of all bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Scale {
    from_ms: i64,
    until_ms: i64,
    /// Records that are outside, at most.
    outside: u64,
}

impl Scale {
    /// From the earliest to the latest time of the report, without those that are far from most others; `None` where no record has
    /// a time.
    pub(super) fn of(report: &Report) -> Option<Scale> {
        let of_bulk = |covered: &Coverage| {
            covered
                .bulk_ms
                .map(|(from, until)| [(from, covered.records), (until, covered.records)])
        };
        let Some((from_ms, until_ms)) = bulk(report.coverage.iter().filter_map(of_bulk).flatten().collect()) else {
            return Scale::of_all(report);
        };
        let is_outside = |covered: &&Coverage| {
            let bulk_ms = covered.bulk_ms.unwrap_or((from_ms, until_ms));
            bulk_ms.0 < from_ms || bulk_ms.1 > until_ms
        };
        let outside = report.coverage.iter().map(|covered| match is_outside(&covered) {
            true => covered.records,
            false => covered.outside_bulk,
        });
        Some(Scale {
            from_ms,
            until_ms,
            outside: outside.sum(),
        })
    }

    /// The scale of a report that does not say where most records lie.
    fn of_all(report: &Report) -> Option<Scale> {
        let marks = || report.coverage.iter().flat_map(|covered| &covered.marks);
        let of_marks = marks().filter_map(|mark| mark.from_ms).min();
        let from = earliest(report.scope.min_timestamp_ms, of_marks)?;
        let until = marks().filter_map(|mark| mark.until_ms).max();
        let until = until.max(report.scope.max_timestamp_ms)?;
        Some(Scale {
            from_ms: from,
            until_ms: until.max(from),
            outside: 0,
        })
    }

    fn at(self, ms: i64) -> i64 {
        let wide = |from: i64, until: i64| i128::from(until) - i128::from(from);
        let share = wide(self.from_ms, ms) * i128::from(WIDTH) / wide(self.from_ms, self.until_ms).max(1);
        i64::try_from(share).unwrap_or(WIDTH).clamp(0, WIDTH)
    }

    /// Where something between two times is drawn, as left edge and width.
    fn place(self, from_ms: Option<i64>, until_ms: Option<i64>, least: i64) -> (i64, i64) {
        let (from, until) = match self.from_ms == self.until_ms {
            true => (0, WIDTH),
            false => (
                from_ms.map_or(0, |from| self.at(from)),
                until_ms.map_or(WIDTH, |until| self.at(until)),
            ),
        };
        let width = (until - from).max(least);
        (from.min(WIDTH - width), width)
    }
}

/// The patterns that the bars use, and the meaning of each colour. Once in a page.
pub(super) fn legend(page: &mut String, report: &Report) -> fmt::Result {
    writeln!(
        page,
        "<svg class=\"defs\" aria-hidden=\"true\"><defs>\n\
         <pattern id=\"hatch\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
         <rect width=\"8\" height=\"8\" class=\"ground\"/><rect width=\"3\" height=\"8\" class=\"line\"/></pattern>\n\
         <pattern id=\"dots\" width=\"8\" height=\"6\" patternUnits=\"userSpaceOnUse\">\
         <rect width=\"8\" height=\"6\" class=\"ground\"/><rect x=\"2\" y=\"2\" width=\"4\" height=\"2\" class=\"line\"/></pattern>\n\
         </defs></svg>"
    )?;
    let drawn = |kind: &MarkKind| {
        let mut marks = report.coverage.iter().flat_map(|covered| &covered.marks);
        marks.any(|mark| mark.kind == *kind)
    };
    write!(
        page,
        "<p class=\"legend\"><span><i class=\"key covered\"></i>archived</span>"
    )?;
    for kind in MarkKind::ALL.iter().filter(|kind| drawn(kind)) {
        write!(
            page,
            " <span><i class=\"key {}\"></i>{}</span>",
            class(*kind),
            words(*kind)
        )?;
    }
    writeln!(page, "</p>")
}

/// The times at the ends of all bars.
pub(super) fn axis(page: &mut String, scale: Scale) -> fmt::Result {
    let middle = i128::midpoint(i128::from(scale.from_ms), i128::from(scale.until_ms));
    let middle = i64::try_from(middle).unwrap_or(scale.from_ms);
    writeln!(
        page,
        "<div class=\"axis\"><span>{}</span><span>{}</span><span>{}</span></div>",
        moment(scale.from_ms),
        moment(middle),
        moment(scale.until_ms)
    )?;
    match scale.outside {
        0 => Ok(()),
        outside => writeln!(
            page,
            "<p class=\"outside\">The times of at most {} lie outside of this scale, far from all others, and are drawn at its edges.</p>",
            counted(outside, "record")
        ),
    }
}

/// One bar for these partitions together: where any has records, and the marks, each in the part of the height that its partition
/// is of all.
pub(super) fn bar(page: &mut String, scale: Option<Scale>, name: &str, of: &[&Coverage]) -> fmt::Result {
    let Some(scale) = scale else { return Ok(()) };
    write!(
        page,
        "<svg class=\"bar\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{}\">",
        Escaped(&spoken(name, of))
    )?;
    let from = of.iter().filter_map(|covered| covered.min_timestamp_ms).min();
    let until = of.iter().filter_map(|covered| covered.max_timestamp_ms).max();
    if from.is_some() {
        let (x, width) = scale.place(from, until, MARK_MIN);
        write!(
            page,
            "<rect class=\"covered\" x=\"{x}\" y=\"2\" width=\"{width}\" height=\"8\"/>"
        )?;
    }
    let lanes = of.len().clamp(1, LANES_MAX);
    let in_lanes = of.iter().enumerate().flat_map(|(index, covered)| {
        let lane = index * lanes / of.len();
        covered.marks.iter().map(move |mark| (mark, lane))
    });
    let mut marks: Vec<(&Mark, usize)> = in_lanes.collect();
    // What is graver is drawn over the rest.
    marks.sort_by_key(|(mark, _)| std::cmp::Reverse(mark.kind));
    let mut drawn = Vec::new();
    for (mark, lane) in marks {
        let place = (mark.kind, lane, scale.place(mark.from_ms, mark.until_ms, MARK_MIN));
        if !drawn.contains(&place) {
            let (kind, _, (x, width)) = place;
            write!(
                page,
                "<rect class=\"{}\" x=\"{x}\" y=\"{}\" width=\"{width}\" height=\"{}\"/>",
                class(kind),
                lane * HEIGHT / lanes,
                HEIGHT / lanes
            )?;
            drawn.push(place);
        }
    }
    writeln!(page, "</svg>")
}

/// What a bar shows, for who cannot see it.
fn spoken(name: &str, of: &[&Coverage]) -> String {
    let mut kinds: Vec<MarkKind> = of
        .iter()
        .flat_map(|covered| &covered.marks)
        .map(|mark| mark.kind)
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        return match of.iter().any(|covered| covered.first_offset.is_some()) {
            true => format!("{name}: archived without a gap"),
            false => format!("{name}: nothing archived"),
        };
    }
    let with = of.iter().filter(|covered| !covered.marks.is_empty()).count();
    let share = match of.len() {
        1 => String::new(),
        all => format!("in {} of {all} partitions ", grouped(with as u64)),
    };
    let parts: Vec<&str> = kinds.into_iter().map(words).collect();
    format!("{name}: {share}with parts that are {}", parts.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lie_within_the_bar_and_are_never_too_thin_to_see() {
        let scale = Scale {
            from_ms: 0,
            until_ms: 1_000_000,
            outside: 0,
        };
        assert_eq!(scale.place(Some(0), Some(1_000_000), MARK_MIN), (0, WIDTH));
        assert_eq!(
            scale.place(Some(1_000_000), None, MARK_MIN),
            (WIDTH - MARK_MIN, MARK_MIN)
        );
        assert_eq!(scale.place(Some(500_000), Some(500_001), MARK_MIN), (500, MARK_MIN));
        let extreme = Scale {
            from_ms: i64::MIN,
            until_ms: i64::MAX,
            outside: 0,
        };
        assert_eq!(extreme.place(Some(i64::MIN), Some(i64::MAX), MARK_MIN), (0, WIDTH));
        let instant = Scale {
            from_ms: 7,
            until_ms: 7,
            outside: 0,
        };
        assert_eq!(instant.place(Some(7), Some(7), MARK_MIN), (0, WIDTH));
    }
}
