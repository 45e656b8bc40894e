//! A policy as a file: lines `log`, `witness`, `group` and `quorum` (C2SP tlog-policy). Names are opaque bytes.

use std::collections::BTreeMap;

use crate::log::witness::key::WitnessKey;
use crate::log::witness::policy::{Policy, PolicyError, PolicyLog, PolicyWitness, Quorum};
use crate::log::witness::vkey::Vkey;

/// The largest policy file that is read.
pub const POLICY_MAX_BYTES: usize = 1024 * 1024;
/// The most logs, witnesses and groups, each. It bounds how deep groups are nested.
const DEFINITIONS_MAX: usize = 256;
/// Asks for no cosignature; cannot be defined, nor be a member of a group.
const NONE: &[u8] = b"none";

impl Policy {
    /// Parses a policy file.
    ///
    /// # Errors
    /// [`PolicyError`] with the line that breaks a rule.
    pub fn parse(file: &[u8]) -> Result<Policy, PolicyError> {
        if file.len() > POLICY_MAX_BYTES {
            return Err(PolicyError::TooLarge(POLICY_MAX_BYTES));
        }
        let mut reading = Reading::default();
        for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
            reading.line(line).map_err(|reason| PolicyError::Line {
                line: index + 1,
                reason,
            })?;
        }
        Ok(Policy {
            logs: reading.logs,
            witnesses: reading.witnesses,
            quorum: reading.quorum.ok_or(PolicyError::NoQuorum)?,
        })
    }
}

/// What the lines so far define.
#[derive(Default)]
struct Reading {
    logs: Vec<PolicyLog>,
    /// The public keys of the logs.
    log_keys: Vec<Vec<u8>>,
    witnesses: Vec<PolicyWitness>,
    groups: usize,
    /// Witnesses and groups by their name.
    names: BTreeMap<Vec<u8>, Named>,
    quorum: Option<Quorum>,
}

struct Named {
    rule: Quorum,
    is_member: bool,
}

impl Reading {
    fn line(&mut self, line: &[u8]) -> Result<(), String> {
        let is_allowed = |byte: &u8| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f);
        if !line.iter().all(is_allowed) {
            return Err("it has a control character; of these only tab and newline are allowed".to_owned());
        }
        let mut items = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|item| !item.is_empty());
        let Some(keyword) = items.next().filter(|item| !item.starts_with(b"#")) else {
            return Ok(());
        };
        let items: Vec<&[u8]> = items.collect();
        match (keyword, items.as_slice()) {
            (b"log", [vkey]) => self.log(vkey, None),
            (b"log", [vkey, url]) => self.log(vkey, Some(url)),
            (b"witness", [name, vkey]) => self.witness(name, vkey, None),
            (b"witness", [name, vkey, url]) => self.witness(name, vkey, Some(url)),
            (b"group", [name, threshold, members @ ..]) if !members.is_empty() => self.group(name, threshold, members),
            (b"quorum", [name]) => self.quorum(name),
            (b"log" | b"witness" | b"group" | b"quorum", _) => {
                Err(format!("wrong number of items after `{}`", printed(keyword)))
            }
            _ => Err(format!(
                "`{}` is none of log, witness, group and quorum",
                printed(keyword)
            )),
        }
    }

    fn log(&mut self, vkey: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        require_room(self.logs.len(), "logs")?;
        let text = printed(vkey);
        let parsed =
            Vkey::parse(&text).ok_or("not a key of the form name+id+base64, or its id does not belong to it")?;
        if self.log_keys.contains(&parsed.key) {
            return Err("an earlier log has the same public key".to_owned());
        }
        self.logs.push(PolicyLog {
            origin: parsed.name,
            key: text.parse().ok(),
            vkey: text,
            url: url.map(printed),
        });
        self.log_keys.push(parsed.key);
        Ok(())
    }

    fn witness(&mut self, name: &[u8], vkey: &[u8], url: Option<&[u8]>) -> Result<(), String> {
        require_room(self.witnesses.len(), "witnesses")?;
        let key: WitnessKey = printed(vkey).parse().map_err(|error| format!("{error}"))?;
        if self.witnesses.iter().any(|witness| witness.key.has_key_of(&key)) {
            return Err("an earlier witness has the same public key".to_owned());
        }
        self.define(name, Quorum::Witness(self.witnesses.len()))?;
        self.witnesses.push(PolicyWitness {
            name: printed(name),
            key,
            url: url.map(printed),
        });
        Ok(())
    }

    fn group(&mut self, name: &[u8], threshold: &[u8], members: &[&[u8]]) -> Result<(), String> {
        require_room(self.groups, "groups")?;
        let threshold = match threshold {
            b"any" => 1,
            b"all" => members.len(),
            digits => number(digits)
                .filter(|threshold| (1..=members.len()).contains(threshold))
                .ok_or_else(|| {
                    format!(
                        "`{}` is not any, all or a number from 1 to {}",
                        printed(digits),
                        members.len()
                    )
                })?,
        };
        let members = members
            .iter()
            .map(|member| self.member(member))
            .collect::<Result<Vec<_>, _>>()?;
        self.define(name, Quorum::Group { threshold, members })?;
        self.groups += 1;
        Ok(())
    }

    /// The rule of a member. Each name is a member once, so that a witness counts in one way only.
    fn member(&mut self, name: &[u8]) -> Result<Quorum, String> {
        let named = self.names.get_mut(name).ok_or_else(|| undefined(name))?;
        if std::mem::replace(&mut named.is_member, true) {
            return Err(format!("`{}` is a member of a group already", printed(name)));
        }
        Ok(named.rule.clone())
    }

    fn define(&mut self, name: &[u8], rule: Quorum) -> Result<(), String> {
        if name == NONE {
            return Err("the name `none` is reserved".to_owned());
        }
        let is_member = false;
        match self.names.insert(name.to_owned(), Named { rule, is_member }) {
            None => Ok(()),
            Some(_) => Err(format!("`{}` is defined twice", printed(name))),
        }
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), String> {
        let rule = match self.names.get(name) {
            None if name == NONE => Quorum::None,
            named => named.ok_or_else(|| undefined(name))?.rule.clone(),
        };
        match self.quorum.replace(rule) {
            None => Ok(()),
            Some(_) => Err("a second quorum".to_owned()),
        }
    }
}

fn require_room(defined: usize, kind: &str) -> Result<(), String> {
    if defined < DEFINITIONS_MAX {
        Ok(())
    } else {
        Err(format!("more than {DEFINITIONS_MAX} {kind}"))
    }
}

fn undefined(name: &[u8]) -> String {
    format!("no line before this one defines a witness or group `{}`", printed(name))
}

fn number(digits: &[u8]) -> Option<usize> {
    // `parse` alone would accept a sign.
    let text = std::str::from_utf8(digits)
        .ok()
        .filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()))?;
    text.parse().ok()
}

fn printed(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[cfg(test)]
#[path = "policy_file_tests.rs"]
mod tests;
