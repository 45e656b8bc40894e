//! An input that cannot be read.

use std::io;
use std::path::Path;

use crate::app::ingest::input::compression::Compression;
use crate::app::ingest::input::form::Form;
use crate::app::ingest::input::name::{STDIN, quoted, shown};
use crate::error::{Explain, Kind};

/// An input that cannot be opened or read to its end.
#[derive(Debug, thiserror::Error)]
#[error("cannot read events from `{name}`")]
pub struct InputError {
    pub(super) name: String,
    pub(super) source: io::Error,
}

/// An input in another form than JSON Lines.
#[derive(Debug, thiserror::Error)]
#[error("{form}")]
pub(super) struct OtherForm {
    pub(super) form: Form,
    /// The compression around it.
    pub(super) packed: Option<Compression>,
}

impl From<OtherForm> for io::Error {
    fn from(other: OtherForm) -> io::Error {
        io::Error::new(io::ErrorKind::InvalidData, other)
    }
}

impl OtherForm {
    /// What to do with the input of this name.
    fn remedy(&self, name: &str) -> String {
        let Some(converter) = self.form.converter() else {
            return "export the data as JSON, one event to a line, and ingest that".to_owned();
        };
        let unpack = self.packed.map(|compression| format!("{} -dc", compression.program()));
        let is_stdin = name == STDIN;
        let input = if is_stdin {
            String::new()
        } else {
            format!(" {}", quoted(name))
        };
        let command = match unpack {
            None if is_stdin => converter.trim_end_matches([' ', '<']).to_owned(),
            None => format!("{converter}{input}"),
            Some(unpack) => {
                let piped = match self.form {
                    Form::Tar => "tar -xO",
                    _ => converter.trim_end_matches([' ', '<']),
                };
                format!("{unpack}{input} | {piped}")
            }
        };
        if is_stdin {
            format!("pipe it through `{command}` first")
        } else {
            format!("`{command} > NEW` makes a file to ingest instead")
        }
    }
}

impl InputError {
    /// About the file at `path`.
    pub(crate) fn of(path: &Path, source: io::Error) -> InputError {
        InputError {
            name: shown(path),
            source,
        }
    }

    fn other_form(&self) -> Option<&OtherForm> {
        self.source.get_ref()?.downcast_ref()
    }

    /// The form that the input has, if it is not JSON Lines.
    #[must_use]
    pub fn form(&self) -> Option<Form> {
        self.other_form().map(|other| other.form)
    }
}

impl Explain for InputError {
    fn kind(&self) -> Kind {
        match self.source.kind() {
            io::ErrorKind::PermissionDenied => Kind::Permission,
            _ => Kind::Input,
        }
    }

    fn remedy(&self) -> Option<String> {
        if let Some(other) = self.other_form() {
            return Some(other.remedy(&self.name));
        }
        // The library gives no other sign of it.
        if self.source.to_string().contains("too much memory") {
            let input = quoted(&self.name);
            return Some(format!(
                "`zstd --long=31 -dc {input} > NEW` makes a file to ingest instead"
            ));
        }
        Some(match self.source.kind() {
            io::ErrorKind::NotFound => "check the path".to_owned(),
            io::ErrorKind::PermissionDenied => "give the user that runs kivend the right to read it".to_owned(),
            io::ErrorKind::IsADirectory => "name the files in the directory".to_owned(),
            io::ErrorKind::UnexpectedEof => {
                "the file is truncated, and its whole lines were sent: copy it again, and send the lines after those; \
                 with --exactly-once, run the same command again"
                    .to_owned()
            }
            _ => "check that the file is readable and, if it is compressed, complete".to_owned(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn remedy(form: Form, packed: Option<Compression>, name: &str) -> String {
        let error = InputError::of(Path::new(name), OtherForm { form, packed }.into());
        error.remedy().unwrap()
    }

    #[test]
    fn the_remedy_is_a_command_for_the_input_as_it_is_named_and_packed() {
        let gzip = Some(Compression::Gzip);
        for (remedy, expected) in [
            (remedy(Form::PrettyJson, None, "a.json"), "`jq -c . a.json > NEW`"),
            (
                remedy(Form::PrettyJson, None, "my file.json"),
                "`jq -c . 'my file.json' > NEW`",
            ),
            (
                remedy(Form::JsonArray, gzip, "a.gz"),
                "`gzip -dc a.gz | jq -c '.[]' > NEW`",
            ),
            (remedy(Form::Tar, gzip, "a.tgz"), "`gzip -dc a.tgz | tar -xO > NEW`"),
            (remedy(Form::Tar, None, "a.tar"), "`tar -xOf a.tar > NEW`"),
            (remedy(Form::CarriageReturns, None, "a"), "`tr '\\r' '\\n' < a > NEW`"),
            (remedy(Form::CarriageReturns, None, STDIN), "`tr '\\r' '\\n'`"),
            (remedy(Form::Compressed("xz"), None, STDIN), "`xz -dc`"),
        ] {
            assert!(remedy.contains(expected), "{remedy}");
        }
    }
}
