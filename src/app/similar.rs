//! The known name that somebody who mistyped one may have meant.

/// Names less similar than this, from 0 to 1, are not suggested.
const SIMILAR: f64 = 0.6;

/// The known name most similar to `written`, if one is similar. A name counts as similar without what is before one of its
/// separators too, so that a prefix may be left out.
#[must_use]
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let likeness = |name: &str| strsim::normalized_damerau_levenshtein(written, name);
    let best = |name: &str| {
        let tails = name.match_indices(['.', '-', '_']).map(|(at, _)| &name[at + 1..]);
        tails.map(likeness).fold(likeness(name), f64::max)
    };
    let names = known.into_iter().map(|name| (best(name), name));
    let similar = names.filter(|(similarity, _)| *similarity > SIMILAR);
    similar.max_by(|(a, _), (b, _)| a.total_cmp(b)).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_similar_name_is_found_with_and_without_a_prefix() {
        let topics = ["ux1.orders", "ux1.payments", "ux1.user-events"];
        assert_eq!(nearest("paymets", topics), Some("ux1.payments"));
        assert_eq!(nearest("ux1.paymets", topics), Some("ux1.payments"));
        assert_eq!(nearest("user-event", topics), Some("ux1.user-events"));
        assert_eq!(nearest("frobnicate", topics), None);
    }
}
