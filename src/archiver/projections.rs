//! The typed columns of each topic.

use crate::config::{ProjectionRule, Settings, TopicSelection};
use crate::segment::projection::rules::{Projection, Rule};
use crate::task::error::AppError;

/// The typed columns of all topics, and of those that have their own.
#[derive(Debug, Clone)]
pub struct Projections {
    archived: TopicSelection,
    shared: Projection,
    /// By the number of the entry in `topics`.
    own: Vec<Option<Projection>>,
}

impl Projections {
    /// The typed columns of these settings.
    ///
    /// # Errors
    /// Two columns of a topic have one name, or there are too many.
    pub fn of(settings: &Settings) -> Result<Projections, AppError> {
        let rules = settings.archived.rules().iter();
        let own = rules.map(|rule| rule.overrides.projection.as_deref().map(projection).transpose());
        Ok(Projections {
            archived: settings.archived.clone(),
            shared: projection(&settings.archive.projection)?,
            own: own.collect::<Result<_, _>>()?,
        })
    }

    /// The typed columns of this topic.
    #[must_use]
    pub fn of_topic(&self, topic: &str) -> &Projection {
        let rule = self.archived.rule_of(topic).and_then(|number| self.own.get(number));
        rule.and_then(Option::as_ref).unwrap_or(&self.shared)
    }
}

impl From<Projection> for Projections {
    /// The same for all topics.
    fn from(shared: Projection) -> Projections {
        Projections {
            archived: TopicSelection::default(),
            shared,
            own: Vec::new(),
        }
    }
}

fn projection(rules: &[ProjectionRule]) -> Result<Projection, AppError> {
    let rules = rules
        .iter()
        .map(|rule| Rule::new(&rule.column, &rule.path, rule.column_type));
    Projection::new(rules.collect()).map_err(|error| AppError::config(error.to_string()))
}
