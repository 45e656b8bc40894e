//! Finds calls of tracing's macros in a source file.

/// One call.
pub struct Call {
    pub file: String,
    pub level: String,
    pub event: Option<String>,
    /// The names of the other fields.
    pub fields: Vec<String>,
    pub message: String,
}

/// The calls in a source, apart from those of its tests.
pub fn calls(file: &str, source: &str) -> Vec<Call> {
    let shipped = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let mut found = Vec::new();
    for (at, _) in shipped.match_indices("tracing::") {
        let rest = &shipped[at + "tracing::".len()..];
        let Some((level, arguments)) = rest.split_once("!(") else {
            continue;
        };
        if ["trace", "debug", "info", "warn", "error"].contains(&level) {
            found.push(call(file, level, &split(arguments)));
        }
    }
    found
}

fn call(file: &str, level: &str, arguments: &[String]) -> Call {
    let mut call = Call {
        file: file.to_owned(),
        level: level.to_owned(),
        event: None,
        fields: Vec::new(),
        message: String::new(),
    };
    for argument in arguments {
        let argument = argument.trim();
        if let Some(message) = argument.strip_prefix('"') {
            call.message = message.trim_end_matches('"').to_owned();
        } else if let Some(event) = argument.strip_prefix("event = \"") {
            call.event = Some(event.trim_end_matches('"').to_owned());
        } else if !argument.is_empty() && !argument.starts_with("target:") {
            let name = argument.split(" = ").next().unwrap_or_default();
            let name = name.trim_start_matches(['%', '?']).trim_start_matches("r#");
            call.fields.push(name.to_owned());
        }
    }
    call
}

/// The arguments up to the bracket that closes the call.
fn split(text: &str) -> Vec<String> {
    let (mut arguments, mut current) = (Vec::new(), String::new());
    let (mut depth, mut in_string, mut escaped) = (0, false, false);
    for character in text.chars() {
        if in_string {
            in_string = escaped || character != '"';
            escaped = !escaped && character == '\\';
        } else {
            match character {
                '"' => in_string = true,
                '(' | '[' | '{' => depth += 1,
                ')' if depth == 0 => break,
                ')' | ']' | '}' => depth -= 1,
                ',' if depth == 0 => {
                    arguments.push(std::mem::take(&mut current));
                    continue;
                }
                _ => {}
            }
        }
        current.push(character);
    }
    arguments.push(current);
    arguments
}

#[test]
fn a_call_is_read_with_its_event_its_fields_and_its_message() {
    let source =
        "tracing::warn!(event = \"a_b\", topic, n = next(1, \"x, y)\"), %error, \"it says \\\"no\\\": later\");";
    let [call] = &calls("f", source)[..] else { panic!() };
    assert_eq!((call.level.as_str(), call.event.as_deref()), ("warn", Some("a_b")));
    assert_eq!(call.fields, ["topic", "n", "error"]);
    assert!(call.message.starts_with("it says"));
}
