//! `nightbell setup --from FILE`: the first run without a browser.
//!
//! The file is TOML, or JSON when its name ends so, with the fields of `POST /api/v1/setup`. A secret never stands on the command
//! line and need not stand in the file: `password_file = "…"` names a file that holds it (relative to the setup file),
//! `password_env = "…"` a variable; so it goes for every field. References are followed here, because the server may run as
//! somebody who cannot read those files; everything else is checked there, whole, before anything is changed.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::client::Client;
use super::failure::Failure;
use super::output::{Report, clean};

/// A certificate chain is the largest thing anybody refers to.
const MAX_BYTES: u64 = 256 * 1024;

#[derive(Debug, Args)]
pub(super) struct SetupArgs {
    /// The setup file, TOML or JSON (docs/setup-file.md)
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
    /// Check the file and change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    changed: Vec<String>,
    unchanged: Vec<String>,
}

pub(super) async fn run(client: Client, args: SetupArgs) -> Result<Report, Failure> {
    let mut document = read(&args.from)?;
    if args.dry_run
        && let Some(fields) = document.as_object_mut()
    {
        fields.insert("dry_run".to_owned(), Value::Bool(true));
    }
    let answer = client.post::<Outcome>("/setup", &document).await?;
    let mut text = String::new();
    for what in &answer.known.changed {
        text += &format!("{} {}\n", if args.dry_run { "would change:" } else { "changed:" }, clean(what));
    }
    for what in &answer.known.unchanged {
        text += &format!("as it was: {}\n", clean(what));
    }
    if text.is_empty() {
        text.push_str("The file names nothing to set up.\n");
    }
    Ok(Report::done(text, answer.raw))
}

/// The document with every reference followed.
fn read(path: &Path) -> Result<Value, Failure> {
    let shown = path.display();
    let text = file(path).map_err(|why| Failure::Document(format!("the setup file {shown} {why}")))?;
    let is_json = path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    let read = if is_json {
        serde_json::from_str(&text).map_err(|why| format!("is no JSON: {why}"))
    } else {
        // Without the line itself, which may hold a secret.
        toml::from_str::<Value>(&text).map_err(|why| format!("is no TOML: {}{}", why.message(), line_of(&text, &why)))
    };
    let mut document = read.map_err(|why| Failure::Document(format!("the setup file {shown} {why}")))?;
    let mut wrong = Vec::new();
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    follow(&mut document, "", folder, &mut wrong);
    if wrong.is_empty() { Ok(document) } else { Err(Failure::Document(wrong.join("\n"))) }
}

fn line_of(text: &str, why: &toml::de::Error) -> String {
    let line = |at: usize| text.get(..at).map_or(0, |before| before.lines().count().max(1));
    why.span().map(|span| format!(" (line {})", line(span.start))).unwrap_or_default()
}

/// Puts what `x_file` and `x_env` refer to in place of them, as `x`.
fn follow(value: &mut Value, at: &str, folder: &Path, wrong: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            let mut followed = Map::new();
            for (name, mut value) in std::mem::take(fields) {
                let place = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let (name, found) = match (&value, name.strip_suffix("_file"), name.strip_suffix("_env")) {
                    (Value::String(path), Some(name), _) => {
                        (name.to_owned(), Some(file(&folder.join(path)).map_err(|why| format!("{path} {why}"))))
                    }
                    (Value::String(variable), None, Some(name)) => {
                        let read = std::env::var(variable);
                        let why = |_| format!("the variable {variable} is not set; set it where this command runs");
                        (name.to_owned(), Some(read.map_err(why)))
                    }
                    _ => (name, None),
                };
                match found {
                    // A file written by an editor ends with a line break that belongs to no password.
                    Some(Ok(text)) => value = Value::String(text.trim_end_matches(['\r', '\n']).to_owned()),
                    Some(Err(why)) => wrong.push(format!("{place}: {why}")),
                    None => follow(&mut value, &place, folder, wrong),
                }
                if followed.insert(name.clone(), value).is_some() {
                    wrong.push(format!("{place}: {name} is given twice; keep one of the two"));
                }
            }
            *fields = followed;
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                follow(item, &format!("{at}[{index}]"), folder, wrong);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn file(path: &Path) -> Result<String, String> {
    let failed = |why: std::io::Error| format!("cannot be read: {why}; give the path of a file this user may read");
    if std::fs::metadata(path).map_err(failed)?.len() > MAX_BYTES {
        return Err("is larger than anything a setup needs; check the path".to_owned());
    }
    // What is no text is a .p12 file, which the server takes in base64.
    let bytes = std::fs::read(path).map_err(failed)?;
    Ok(String::from_utf8(bytes).unwrap_or_else(|binary| STANDARD.encode(binary.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_followed_and_every_one_that_leads_nowhere_is_named() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "plum tractor window nine\n").unwrap();
        let setup = folder.path().join("setup.toml");
        let text = "[owner]\nname = \"anna\"\npassword_file = \"password\"\n[[extensions]]\nnumber = \"101\"\n";
        std::fs::write(&setup, text).unwrap();
        let document = read(&setup).unwrap();
        assert_eq!(document["owner"]["password"], "plum tractor window nine");
        assert_eq!(document["owner"].get("password_file"), None);
        let text =
            format!("{text}secret_env = \"NIGHTBELL_NO_SUCH\"\n[mail]\npassword_file = \"none\"\npassword = \"x\"\n");
        std::fs::write(&setup, text).unwrap();
        let Err(Failure::Document(wrong)) = read(&setup) else { panic!("it leads nowhere") };
        for named in
            ["extensions[0].secret_env: the variable", "mail.password_file: none cannot be read", "given twice"]
        {
            assert!(wrong.contains(named), "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_no_toml_is_refused_by_its_line_without_showing_it() {
        let folder = tempfile::tempdir().unwrap();
        let setup = folder.path().join("setup.toml");
        std::fs::write(&setup, "[owner]\npassword = plum tractor\n").unwrap();
        let Err(Failure::Document(wrong)) = read(&setup) else { panic!("it is no TOML") };
        assert!(wrong.contains("line 2") && !wrong.contains("plum"), "{wrong}");
    }
}
