//! Values by the parts of their names; an entry of a list has its number.

use figment::value::{Dict, Value};

pub(super) fn get<'v>(values: &'v Dict, path: &[String]) -> Option<&'v Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(values.get(first)?, |value, part| match value {
        Value::Dict(_, table) => table.get(part),
        Value::Array(_, items) => items.get(part.parse::<usize>().ok()?),
        _ => None,
    })
}

fn get_mut<'v>(values: &'v mut Dict, path: &[String]) -> Option<&'v mut Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(values.get_mut(first)?, |value, part| match value {
        Value::Dict(_, table) => table.get_mut(part),
        Value::Array(_, items) => items.get_mut(part.parse::<usize>().ok()?),
        _ => None,
    })
}

/// Whether there was something to remove.
pub(super) fn remove(values: &mut Dict, path: &[String]) -> bool {
    let Some((last, parents)) = path.split_last() else {
        return false;
    };
    if parents.is_empty() {
        return values.remove(last).is_some();
    }
    match get_mut(values, parents) {
        Some(Value::Dict(_, table)) => table.remove(last).is_some(),
        Some(Value::Array(_, items)) => match last.parse::<usize>() {
            Ok(number) if number < items.len() => {
                items.remove(number);
                true
            }
            _ => false,
        },
        _ => false,
    }
}

/// Puts another value where one is.
pub(super) fn replace(values: &mut Dict, path: &[String], with: Value) -> bool {
    match get_mut(values, path) {
        Some(value) => {
            *value = with;
            true
        }
        None => false,
    }
}

/// Every value that is no table, with the parts of its name.
pub(super) fn leaves(values: &Dict) -> Vec<(Vec<String>, &Value)> {
    let mut found = Vec::new();
    for (name, value) in values {
        match value {
            Value::Dict(_, table) => {
                let inner = leaves(table).into_iter();
                found.extend(inner.map(|(path, value)| (std::iter::once(name.clone()).chain(path).collect(), value)));
            }
            value => found.push((vec![name.clone()], value)),
        }
    }
    found
}
