//! What the paths of a projection point at in a text. Builds nothing else. Never judges a value: that is
//! [`crate::segment::projection::cell`]'s.

use crate::json::{NotJson, Outermost, Reader, Value};
use crate::segment::projection::rules::{Node, NodeId, Projection};

/// Finds members in one text after the other; what it keeps between them makes it fast and changes no answer.
#[derive(Debug)]
pub(crate) struct Members<'p> {
    projection: &'p Projection,
    /// By node, of the objects that stand there.
    readers: Vec<Reader<Option<NodeId>>>,
}

impl<'p> Members<'p> {
    pub(crate) fn new(projection: &'p Projection) -> Members<'p> {
        Members {
            projection,
            readers: (0..projection.node_count()).map(|_| Reader::default()).collect(),
        }
    }

    /// Per rule what its path points at: null where that is missing. Nothing where the text is no object.
    ///
    /// # Errors
    /// The text is not JSON as the format wants it.
    pub(crate) fn find<'t>(&mut self, text: &'t str) -> Result<Option<Vec<Value<'t>>>, NotJson> {
        let mut found = vec![Value::Null; self.projection.rules().len()];
        match self.find_below(0, text, &mut found)? {
            Outermost::Object => Ok(Some(found)),
            Outermost::Other => Ok(None),
        }
    }

    /// An object further in was checked with the whole text; it is read again only where a path leads into it.
    fn find_below<'t>(&mut self, node: NodeId, text: &'t str, found: &mut [Value<'t>]) -> Result<Outermost, NotJson> {
        let projection = self.projection;
        let members = &projection.node(node).members;
        let child_named = |name: &str| {
            let here = members.iter().find(|(known, _)| **known == *name.as_bytes());
            here.map(|(_, child)| *child)
        };
        let mut further_in = Vec::new();
        let outermost = self.readers[node].read(text, child_named, |child, value| {
            let Some(child) = *child else { return };
            let Node { rules, members } = projection.node(child);
            for rule in rules {
                found[*rule] = value;
            }
            match value {
                Value::Object(inside) if !members.is_empty() => further_in.push((child, inside)),
                _ => {}
            }
        })?;
        for (child, inside) in further_in {
            self.find_below(child, inside, found)?;
        }
        Ok(outermost)
    }
}
