//! What loading the settings refuses. Loading stops at the first problem, so what it refuses is taken out, and the rest is loaded
//! again, until nothing is refused or nothing can be taken out.

use std::collections::HashSet;

use figment::value::Value;

use crate::config::check::places;
use crate::config::error::ConfigError;
use crate::config::layers::{Layer, Sources};
use crate::config::load::{Loaded, Refused, merge};

/// No file has more problems than are worth reading.
const PROBLEMS_MAX: usize = 200;

/// What loading refuses, with the parts of each setting's name as it stands in its source.
pub(super) struct Refusals {
    pub refused: Vec<(ConfigError, Vec<String>)>,
    /// What is left without the settings that were refused.
    pub left: Option<Loaded>,
}

pub(super) fn refusals(layers: Vec<Layer>, sources: &Sources) -> Refusals {
    let mut repair = Repair {
        layers,
        removed: Vec::new(),
        replaced: HashSet::new(),
    };
    let mut refused: Vec<(ConfigError, Vec<String>)> = Vec::new();
    for _ in 0..PROBLEMS_MAX {
        match merge(repair.layers.clone(), sources) {
            Ok(loaded) => {
                return Refusals {
                    refused,
                    left: Some(loaded),
                };
            }
            Err(found) => {
                let path = repair.original(&found.path);
                let is_known = refused
                    .iter()
                    .any(|(error, known)| *known == path && error.to_string() == found.error.to_string());
                if !is_known && !repair.made_missing(&found) {
                    refused.push((found.error, path));
                }
                if !repair.take_out(&found.path) {
                    break;
                }
            }
        }
    }
    Refusals { refused, left: None }
}

/// The layers, with what was refused taken out.
struct Repair {
    layers: Vec<Layer>,
    /// Parts of the names of what was removed, as they stand in the sources.
    removed: Vec<Vec<String>>,
    /// Entries of `topics` that were replaced, so that what refers to them is not refused too.
    replaced: HashSet<Vec<String>>,
}

impl Repair {
    /// Takes out the refused setting, else what is around it.
    fn take_out(&mut self, path: &[String]) -> bool {
        let around = (1..=path.len()).rev().map(|depth| path[..depth].to_vec());
        // Every topic's name begins with the prefix.
        let prefix = std::iter::once(vec!["topic_prefix".to_owned()]);
        around.chain(prefix).any(|path| self.take_out_exactly(&path))
    }

    fn take_out_exactly(&mut self, path: &[String]) -> bool {
        if self.replaced.contains(path) {
            return false;
        }
        // The first layer has the defaults.
        let of_user = self.layers.iter_mut().skip(1).rev();
        let mut values = of_user.map(Layer::values_mut);
        let Some(values) = values.find(|values| places::get(values, path).is_some()) else {
            return false;
        };
        let name = || Value::from(format!("kivend-config-check-{}", path.join("-")));
        let placeholder = match path {
            [first] if first == "topics" => Some(Value::from(vec![name()])),
            [first, _] if first == "topics" => Some(name()),
            _ => None,
        };
        if let Some(placeholder) = placeholder {
            self.replaced.insert(path.to_vec());
            return places::replace(values, path, placeholder);
        }
        let is_removed = places::remove(values, path);
        let original = self.original(path);
        self.removed.push(original);
        is_removed
    }

    /// The parts of the name as they stand in the source: an entry of a list moves up when one before it is removed.
    fn original(&self, path: &[String]) -> Vec<String> {
        let mut original: Vec<String> = Vec::with_capacity(path.len());
        for part in path {
            let number = part.parse::<usize>().ok();
            original.push(number.map_or_else(|| part.clone(), |number| self.moved_back(&original, number)));
        }
        original
    }

    fn moved_back(&self, list: &[String], number: usize) -> String {
        let of_list = self
            .removed
            .iter()
            .filter(|removed| removed.len() == list.len() + 1 && removed.starts_with(list));
        let mut gone: Vec<usize> = of_list.filter_map(|removed| removed.last()?.parse().ok()).collect();
        gone.sort_unstable();
        let moved = gone
            .into_iter()
            .fold(number, |number, gone| if gone <= number { number + 1 } else { number });
        moved.to_string()
    }

    /// Whether a setting is missing because it was taken out.
    fn made_missing(&self, found: &Refused) -> bool {
        let path = self.original(&found.path);
        found.is_missing && self.removed.iter().any(|removed| removed.starts_with(&path))
    }
}
