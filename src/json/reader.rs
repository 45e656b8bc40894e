//! The reader for many texts of the same shape.

use crate::json::cursor::{Cursor, Name};
use crate::json::shape::{Mark, Shape};
use crate::json::string::Text;
use crate::json::value::{NotJson, Outermost, Value};

/// Reads texts one after the other. It keeps buffers and the last `Shape` between them, which change no result.
/// `T` is what the caller derives from a member's name.
#[derive(Debug)]
pub struct Reader<T> {
    names: Vec<Name>,
    marks: Vec<Mark>,
    shape: Shape<T>,
}

impl<T> Default for Reader<T> {
    fn default() -> Reader<T> {
        Reader {
            names: Vec::new(),
            marks: Vec::new(),
            shape: Shape::default(),
        }
    }
}

impl<T> Reader<T> {
    /// Checks the whole of `text` and calls `visit` for each member of the outermost object, with `meaning` of its name
    /// and its value. `meaning` must be a pure function: it is called only where the shape of a text is new.
    ///
    /// Members are visited in order; some may be visited twice, with the same value. After an error the caller must
    /// discard what was visited.
    ///
    /// # Errors
    /// [`NotJson`] names the first broken rule.
    pub fn read<'a>(
        &mut self,
        text: &'a str,
        meaning: impl Fn(&str) -> T,
        mut visit: impl FnMut(&T, Value<'a>),
    ) -> Result<Outermost, NotJson> {
        self.names.clear();
        self.marks.clear();
        let mut cursor = Cursor::new(text, &mut self.names, &mut self.marks);
        if cursor.read_in_shape(&self.shape, &mut visit) {
            return Ok(Outermost::Object);
        }
        cursor.rewind();
        let outermost = cursor.read_all(&mut |name: Text<'a>, value| visit(&meaning(&name.decoded()), value))?;
        if outermost == Outermost::Object {
            self.shape.learn(text, &self.marks, meaning);
        }
        Ok(outermost)
    }
}
