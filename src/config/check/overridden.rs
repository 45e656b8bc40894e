//! What a variable or a flag overrides in the settings file: the file alone does not say what is in force.

use figment::value::Value;

use crate::config::check::places::{get, leaves};
use crate::config::layers::Layer;

/// A setting of the file that another source overrides with another value.
pub(super) struct Overridden {
    pub path: Vec<String>,
    /// The variable or the flag.
    pub by: String,
}

/// `file` is the name of the settings file.
pub(super) fn overridden(layers: &[Layer], file: &str) -> Vec<Overridden> {
    let Some(place) = layers.iter().position(|layer| layer.origin() == file) else {
        return Vec::new();
    };
    let (written, later) = (layers[place].values(), &layers[place + 1..]);
    let mut found = Vec::new();
    for layer in later {
        for (path, value) in leaves(layer.values()) {
            let is_other =
                get(written, &path).is_some_and(|own| text_of(own).is_none() || text_of(own) != text_of(value));
            if is_other {
                found.push(Overridden {
                    path,
                    by: layer.origin().to_owned(),
                });
            }
        }
    }
    found
}

/// A value as a variable would write it; `None` for a list or a table.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Bool(_, truth) => Some(truth.to_string()),
        Value::Num(_, number) => {
            let whole = number.to_i128().map(|whole| whole.to_string());
            whole.or_else(|| number.to_f64().map(|number| number.to_string()))
        }
        _ => None,
    }
}
