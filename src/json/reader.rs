//! Reads texts that often have one shape.

use crate::json::cursor::{Cursor, Name};
use crate::json::shape::{Mark, Shape};
use crate::json::string::Text;
use crate::json::value::{NotJson, Outermost, Value};

/// Reads texts one after the other. It keeps between them the room for names and the last `Shape`, which make it
/// fast and change no answer. `T` is what a name means to the caller.
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
    /// Checks the whole of `text`, showing each member of the outermost object to `visit`: what `meaning` gives for its
    /// name, and its value. `meaning` must give the same for a name each time: it is asked only where a text is not like the
    /// last one.
    ///
    /// Members are shown as they are met, in order; some may be shown twice, with the same value. When the answer is an
    /// error, what was shown before counts for nothing.
    ///
    /// # Errors
    /// [`NotJson`] with the first rule that was broken.
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
        cursor.begin_again();
        let outermost = cursor.read_all(&mut |name: Text<'a>, value| visit(&meaning(&name.decoded()), value))?;
        if outermost == Outermost::Object {
            self.shape.learn(text, &self.marks, meaning);
        }
        Ok(outermost)
    }
}
