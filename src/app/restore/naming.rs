//! The names of the topics that records are restored to.

use std::str::FromStr;

use crate::record::position::is_topic_name;

/// `FROM=TO`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// The archived topic.
    pub from: String,
    /// The target topic.
    pub to: String,
}

impl FromStr for Rename {
    type Err = String;

    fn from_str(text: &str) -> Result<Rename, String> {
        let names = text.split_once('=');
        let names = names.filter(|(from, to)| is_topic_name(from) && is_topic_name(to));
        let (from, to) = names.ok_or("expected FROM=TO, two names of topics")?;
        Ok(Rename {
            from: from.to_owned(),
            to: to.to_owned(),
        })
    }
}

/// The target of each topic: the one of its rename, else its name with the prefix.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Naming {
    /// The prefix of archived topics, which `prefix` takes the place of where a name has it.
    pub own_prefix: String,
    /// The prefix of target topics; `None` leaves names as they are.
    pub prefix: Option<String>,
    /// Topics with other names.
    pub renames: Vec<Rename>,
}

impl Naming {
    /// The target of a topic.
    #[must_use]
    pub fn target(&self, topic: &str) -> String {
        if let Some(rename) = self.renames.iter().find(|rename| rename.from == topic) {
            return rename.to.clone();
        }
        match &self.prefix {
            None => topic.to_owned(),
            Some(prefix) => format!(
                "{prefix}{}",
                topic.strip_prefix(self.own_prefix.as_str()).unwrap_or(topic)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_takes_the_place_of_the_configured_one_and_a_rename_wins_over_it() {
        let naming = |own: &str| Naming {
            own_prefix: own.to_owned(),
            prefix: Some("restored-".to_owned()),
            renames: vec!["ux1.orders=old-orders".parse().unwrap()],
        };
        assert_eq!(naming("").target("payments"), "restored-payments");
        assert_eq!(naming("ux1.").target("ux1.payments"), "restored-payments");
        assert_eq!(naming("ux1.").target("elsewhere"), "restored-elsewhere");
        assert_eq!(naming("ux1.").target("ux1.orders"), "old-orders");
        assert_eq!(Naming::default().target("payments"), "payments");
    }

    #[test]
    fn a_rename_is_two_names() {
        for wrong in ["", "a", "a=", "=b", "a b=c", "a=b=c"] {
            assert!(wrong.parse::<Rename>().is_err(), "{wrong}");
        }
    }
}
