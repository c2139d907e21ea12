//! A partner's template: settings put over ours, one `key = value` a line.
//!
//! A template is not text pasted into a file. Its keys are checked against the family's own grammar, its values take
//! placeholders (`{extension}`, `{name}`, `{mac}`, `{model}`) and go through the same writer as ours. Settings that carry the
//! account, the trust or the next address are locked in every spelling ([`locks`]): a template that names one is refused.

mod locks;

use std::fmt;

use thiserror::Error;

use super::{Account, DeskPhone, Family, Setting, clean};

/// Lines of one template; vendors' whole files have about a thousand settings.
const LINES: usize = 500;
/// Wrong lines worth naming at once.
const MOST_WRONG: usize = 50;
/// Longest name; vendors' own end at about sixty.
const LONGEST_NAME: usize = 100;
/// Longest value: dial plans and key labels are shorter.
const VALUE_BYTES: usize = 1024;

/// A checked template; empty by default.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Template {
    lines: Vec<(String, String)>,
}

/// Why a template is refused, with its line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}: {problem}")]
pub struct TemplateError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, with the fix.
    pub problem: String,
}

impl Template {
    /// Reads a template for phones of one family, up to its first wrong line.
    pub fn parse(family: Family, text: &str) -> Result<Self, TemplateError> {
        let (template, wrong) = Self::read(family, text);
        wrong.into_iter().next().map_or(Ok(template), Err)
    }

    /// The good lines of a template, and what is wrong with the others. Empty lines and lines that begin with `#` are left
    /// out.
    pub fn read(family: Family, text: &str) -> (Self, Vec<TemplateError>) {
        let (mut template, mut wrong) = (Self::default(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let read = if template.lines.len() < LINES {
                setting(family, line).and_then(|(key, value)| template.put_once(key, value))
            } else {
                Err(format!("a template has at most {LINES} settings"))
            };
            if let Err(problem) = read {
                wrong.push(TemplateError { line: index + 1, problem });
            }
            if wrong.len() >= MOST_WRONG {
                break;
            }
        }
        (template, wrong)
    }

    fn put_once(&mut self, key: String, value: &str) -> Result<(), String> {
        if self.lines.iter().any(|(known, _)| same_name(known, &key)) {
            return Err(format!("{key} stands twice; keep one of the two"));
        }
        self.lines.push((key, value.to_owned()));
        Ok(())
    }

    /// This one with another put over it.
    #[must_use]
    pub fn then(mut self, over: &Self) -> Self {
        for (key, value) in &over.lines {
            match self.lines.iter_mut().find(|(known, _)| same_name(known, key)) {
                Some((_, present)) => present.clone_from(value),
                None => self.lines.push((key.clone(), value.clone())),
            }
        }
        self
    }

    /// How many settings it holds.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether it changes nothing.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Our settings with these put over them.
    pub(super) fn over(&self, mut ours: Vec<Setting>, phone: &DeskPhone, account: &Account) -> Vec<Setting> {
        for (key, value) in &self.lines {
            let value = filled(value, phone, account);
            match ours.iter_mut().find(|setting| same_name(&setting.key, key)) {
                Some(setting) if setting.locked => {}
                Some(setting) => setting.value = value,
                None => ours.push(Setting { key: key.clone(), value, locked: false }),
            }
        }
        ours
    }
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|(key, value)| writeln!(f, "{key} = {value}"))
    }
}

/// Whether two spellings name one setting: some phones tell neither case nor blanks apart.
fn same_name(one: &str, other: &str) -> bool {
    let letters = |text: &str| text.chars().filter(|c| *c != ' ').map(|c| c.to_ascii_lowercase()).collect::<String>();
    one == other || letters(one) == letters(other)
}

/// One line of a template.
fn setting(family: Family, line: &str) -> Result<(String, &str), String> {
    if line.starts_with('<') {
        return Err(
            "this is a piece of a whole file; write the setting alone, as key = value, and Nightbell writes the \
                    file around it"
                .into(),
        );
    }
    let (key, value) = line.split_once('=').ok_or("write it as key = value")?;
    let (key, value) = (as_written(family, key.trim()), value.trim());
    check_key(family, &key)?;
    if value.len() > VALUE_BYTES || value.chars().any(char::is_control) {
        return Err(format!("a value has at most {VALUE_BYTES} bytes and no control characters"));
    }
    check_placeholders(value)?;
    Ok((key, value))
}

/// A name as our writer writes it: Fanvil's own text files pad names with blanks.
fn as_written(family: Family, key: &str) -> String {
    let squeezed = |part: &str| part.split_whitespace().collect::<Vec<_>>().join(" ");
    match family {
        Family::FanvilText => key.split('/').map(squeezed).collect::<Vec<_>>().join("/"),
        Family::Yealink | Family::Snom | Family::Grandstream | Family::Polycom | Family::FanvilXml => key.to_owned(),
    }
}

const PLACEHOLDERS: [&str; 4] = ["extension", "name", "mac", "model"];

fn check_placeholders(value: &str) -> Result<(), String> {
    let mut rest = value;
    while let Some((_, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').ok_or("a placeholder is not closed; write it like {extension}")?;
        if !PLACEHOLDERS.contains(&name) {
            return Err(format!(
                "{{{}}} is no placeholder; there are {{extension}}, {{name}}, {{mac}} and {{model}}",
                clean(name)
            ));
        }
        rest = after;
    }
    Ok(())
}

fn filled(value: &str, phone: &DeskPhone, account: &Account) -> String {
    // One pass: what a name brings in is not looked at for placeholders again.
    let mut text = String::with_capacity(value.len());
    let mut rest = value;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else { break };
        match name {
            "extension" => text.push_str(&account.extension.to_string()),
            "name" => text.push_str(&account.label()),
            "mac" => text.push_str(&phone.mac.lower()),
            _ => text.push_str(phone.model.as_str()),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

/// A key with the index in its square brackets, for example `user_name[1]`.
pub(super) fn indexed(key: &str) -> (&str, Option<&str>) {
    match key.split_once('[') {
        Some((name, index)) => (name, Some(index.trim_end_matches(']'))),
        None => (key, None),
    }
}

fn check_key(family: Family, key: &str) -> Result<(), String> {
    let good = match family {
        Family::Yealink => dotted(key, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '_' | '-')),
        Family::Snom => segment(key, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
        Family::Grandstream => key
            .strip_prefix('P')
            .is_some_and(|digits| (1..=6).contains(&digits.len()) && all(digits, |c| c.is_ascii_digit())),
        Family::Polycom => dotted(key, |c| c.is_ascii_alphanumeric() || c == '_'),
        Family::FanvilXml => {
            key.contains('/')
                && key.split('/').count() <= 4
                && key.split('/').all(|part| segment(part, |c| c.is_ascii_alphanumeric()))
                // An index belongs to an element that holds others.
                && !key.ends_with(']')
        }
        Family::FanvilText => key.split_once('/').is_some_and(|(module, key)| {
            module.ends_with(" MODULE")
                && [module, key].iter().all(|part| all(part, |c| c.is_ascii_alphanumeric() || c == ' '))
        }),
    };
    let shown = clean(key);
    if good && key.len() <= LONGEST_NAME && locks::is_locked(family, key) {
        return Err(format!(
            "{shown} is set by Nightbell (account, certificates, where the phone fetches from); leave it out"
        ));
    }
    if !good || key.len() > LONGEST_NAME || has_padded_number(family, key) {
        return Err(format!(
            "“{shown}” is not the name of a setting of these phones; write it like {}",
            example(family)
        ));
    }
    Ok(())
}

/// A number with zeros before it (`P064`, `linekey.02.label`): phones differ in whether that is the same setting.
fn has_padded_number(family: Family, key: &str) -> bool {
    let padded = |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|b| b.is_ascii_digit());
    match family {
        Family::Grandstream => padded(key.trim_start_matches('P')),
        Family::Yealink | Family::Snom | Family::Polycom | Family::FanvilXml | Family::FanvilText => {
            key.split(['.', '[', ']', '/', ' ']).any(padded)
        }
    }
}

const fn example(family: Family) -> &'static str {
    match family {
        Family::Yealink => "phone_setting.backlight_time",
        Family::Snom => "tone_scheme or user_mailbox[1]",
        Family::Grandstream => "P64",
        Family::Polycom => "tcpIpApp.sntp.address",
        Family::FanvilXml => "phone/date/SNTPServer",
        Family::FanvilText => "PHONE FEATURE MODULE/Do Not Disturb",
    }
}

fn all(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(allowed)
}

fn dotted(key: &str, allowed: impl Fn(char) -> bool + Copy) -> bool {
    key.starts_with(|c: char| c.is_ascii_alphabetic()) && key.split('.').all(|part| all(part, allowed))
}

/// A name that begins with a letter, perhaps with an index of one to three digits.
fn segment(text: &str, allowed: impl Fn(char) -> bool) -> bool {
    let (name, index) = indexed(text);
    let whole = match index {
        None => true,
        Some(digits) => text == format!("{name}[{digits}]") && digits.len() <= 3 && all(digits, |c| c.is_ascii_digit()),
    };
    whole && name.starts_with(|c: char| c.is_ascii_alphabetic()) && all(name, allowed)
}
