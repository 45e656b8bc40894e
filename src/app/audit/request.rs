//! What is audited, and against what.

use std::sync::Arc;

use crate::app::verify::facts::KafkaFacts;
use crate::audit::columns;
use crate::audit::tally::Window;
use crate::store::Store;
use crate::verify::given::Given;

/// The files of a sink and what they hold.
#[derive(Debug, Clone)]
pub struct Request {
    /// The topic whose rows are audited.
    pub topic: String,
    /// The store with the files.
    pub files: Arc<dyn Store>,
    /// How their keys begin.
    pub prefix: String,
    /// A pattern that their keys match, with `*` and `?`.
    pub pattern: Option<String>,
    /// What the user says of the columns.
    pub columns: columns::Request,
    /// Whether values are compared.
    pub values: Values,
    /// Times between which records are expected in the sink.
    pub window: Window,
}

/// Whether values are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Values {
    /// Where a column has them.
    Compared,
    /// They are not.
    LeftOut,
}

/// What the sink is compared with.
#[derive(Clone)]
pub struct Against {
    /// The archive, with what proves its keys.
    pub archive: Wanted<(Arc<dyn Store>, Given)>,
    /// Kafka.
    pub kafka: Wanted<Arc<dyn KafkaFacts>>,
}

/// A source.
#[derive(Debug, Clone)]
pub enum Wanted<T> {
    /// It is left out.
    No,
    /// It is used if it is there.
    IfThere(T),
    /// It must be there.
    Required(T),
}

impl<T> Wanted<T> {
    pub(super) fn get(&self) -> Option<&T> {
        match self {
            Wanted::No => None,
            Wanted::IfThere(source) | Wanted::Required(source) => Some(source),
        }
    }
}
