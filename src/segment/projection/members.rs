//! Finds the members that the paths of a projection point to.

use crate::json::{NotJson, Outermost, Reader, Value};
use crate::segment::projection::rules::{Node, NodeId, Projection};

/// Finds members in one text after the other. State kept between texts changes no result.
#[derive(Debug)]
pub(crate) struct Members<'p> {
    projection: &'p Projection,
    /// The reader of the objects at each node.
    readers: Vec<Reader<Option<NodeId>>>,
}

impl<'p> Members<'p> {
    pub(crate) fn new(projection: &'p Projection) -> Members<'p> {
        Members {
            projection,
            readers: (0..projection.node_count()).map(|_| Reader::default()).collect(),
        }
    }

    /// The member of each rule; null if it is missing. None if the text is not an object.
    ///
    /// # Errors
    /// The text is not JSON as the format defines it.
    pub(crate) fn find<'t>(&mut self, text: &'t str) -> Result<Option<Vec<Value<'t>>>, NotJson> {
        let mut found = vec![Value::Null; self.projection.rules().len()];
        match self.find_below(0, text, &mut found)? {
            Outermost::Object => Ok(Some(found)),
            Outermost::Other => Ok(None),
        }
    }

    /// Finds members in the object at `node`. Inner objects were checked with the whole text; they are read again only if a
    /// path leads into them.
    fn find_below<'t>(&mut self, node: NodeId, text: &'t str, found: &mut [Value<'t>]) -> Result<Outermost, NotJson> {
        let projection = self.projection;
        let members = &projection.node(node).members;
        let child_named = |name: &str| {
            let member = members.iter().find(|(known, _)| **known == *name.as_bytes());
            member.map(|(_, child)| *child)
        };
        let mut inner_objects = Vec::new();
        let outermost = self.readers[node].read(text, child_named, |child, value| {
            let Some(child) = *child else { return };
            let Node { rules, members } = projection.node(child);
            for rule in rules {
                found[*rule] = value;
            }
            match value {
                Value::Object(inside) if !members.is_empty() => inner_objects.push((child, inside)),
                _ => {}
            }
        })?;
        for (child, inside) in inner_objects {
            self.find_below(child, inside, found)?;
        }
        Ok(outermost)
    }
}
