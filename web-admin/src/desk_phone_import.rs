//! A list of desk phones, read and checked as a whole: all of it is added, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use pbx_core::model::ExtensionNumber;
use provisioning::desk_phone::{DeskPhone, DeskPhoneError, Mac, Model, Vendor};
use provisioning::desk_phones::{DeskPhonesError, FirstAddress, NewDeskPhone};

use crate::adding::all_extensions;
use crate::audit;
use crate::error::Refusal;
use crate::sheet::{self, Form, Record, plain};
use crate::state::AdminState;
use crate::{say, t};

const FORM: Form = Form {
    things: ["desk phone", "desk phones"],
    columns: &["mac", "vendor", "model", "extension", "label"],
    needed: &[("mac", "column_missing"), ("model", "column_missing"), ("extension", "column_missing")],
    most: 5000,
};

/// One line that would become a desk phone.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    /// Its line in the text, counted from 1.
    pub(crate) line: u64,
    pub(crate) new: NewDeskPhone,
}

/// A list that was read.
pub(crate) type Parsed = sheet::Parsed<Row>;

/// What came of a list: the addresses, shown this once, unless it was only checked or has errors.
#[derive(Debug)]
pub(crate) struct Imported {
    pub(crate) parsed: Parsed,
    pub(crate) shown: Vec<FirstAddress>,
}

/// Reads a list, checks it against what is there, and adds all of it unless that is only a dry run.
pub(crate) async fn import(state: &AdminState, text: &str, dry_run: bool) -> Result<Imported, Refusal> {
    let mut parsed = parse(text);
    let known: BTreeSet<ExtensionNumber> =
        all_extensions(state).await?.into_iter().map(|line| line.extension.number).collect();
    for row in std::mem::take(&mut parsed.rows) {
        let number = row.new.extension;
        if !known.contains(&number) {
            let message = say("desk-phone-import-there-is-no-extension-add-it").with("number", &number).text();
            parsed.error(row.line, "extension", "no_such_extension", message);
        } else if let Err(error) = state.desk_phones.check(&row.new) {
            let column = column(&error);
            parsed.error(row.line, column, error.code(), error.to_string());
        } else {
            parsed.rows.push(row);
        }
    }
    if dry_run || !parsed.errors.is_empty() {
        return Ok(Imported { parsed, shown: Vec::new() });
    }
    let all = parsed.rows.iter().map(|row| row.new.clone()).collect();
    let shown = state.desk_phones.add_all(all).await?;
    audit::note(format!("{} desk phones", shown.len()));
    Ok(Imported { parsed, shown })
}

const fn column(error: &DeskPhonesError) -> &'static str {
    match error {
        DeskPhonesError::Label(_) => "label",
        DeskPhonesError::Phone(DeskPhoneError::Vendor(_)) => "vendor",
        DeskPhonesError::Phone(DeskPhoneError::Model(_)) => "model",
        DeskPhonesError::Phone(DeskPhoneError::Mac(_))
        | DeskPhonesError::OtherVendor { .. }
        | DeskPhonesError::Taken(_)
        | DeskPhonesError::NoSuchPhone(_) => "mac",
        DeskPhonesError::Full
        | DeskPhonesError::NoServer
        | DeskPhonesError::NotSettled(_)
        | DeskPhonesError::NotTold(_)
        | DeskPhonesError::Template(_)
        | DeskPhonesError::EmptyTemplate
        | DeskPhonesError::Family(_)
        | DeskPhonesError::Beginning(_)
        | DeskPhonesError::TemplateOfOthers(_)
        | DeskPhonesError::NoSuchTemplate
        | DeskPhonesError::TooManyTemplates
        | DeskPhonesError::Authority(_)
        | DeskPhonesError::AuthorityOf(_)
        | DeskPhonesError::NoSuchAuthority
        | DeskPhonesError::TooManyAuthorities
        | DeskPhonesError::Random
        | DeskPhonesError::Seal(_)
        | DeskPhonesError::Switchboard(_)
        | DeskPhonesError::Store(_)
        | DeskPhonesError::OddAnswer => "",
    }
}

/// Reads the text.
fn parse(text: &str) -> Parsed {
    let mut seen = BTreeMap::new();
    sheet::read(&FORM, text, |record, parsed| row(record, &mut seen, parsed))
}

fn row(record: &Record<'_>, seen: &mut BTreeMap<Mac, u64>, parsed: &mut Parsed) {
    let line = record.line;
    let errors_before = parsed.errors.len();
    let mac = record.cell("mac").parse::<Mac>();
    match &mac {
        Ok(mac) => {
            if let Some(first) = seen.insert(*mac, line) {
                let message = say("desk-phone-import-the-phone-stands-in-line-already")
                    .with("mac", &mac)
                    .with("first", &first)
                    .text();
                parsed.error(line, "mac", "mac_twice", message);
            }
        }
        Err(wrong) => parsed.error(line, "mac", "mac_malformed", wrong.to_string()),
    }
    let vendor = match (record.cell("vendor"), mac.as_ref().ok().and_then(|mac| mac.vendor())) {
        ("", Some(of)) => Ok(of),
        ("", None) if mac.is_err() => return,
        ("", None) => {
            let message = t("desk-phone-import-the-maker-cannot-be-told-from");
            parsed.error(line, "vendor", "vendor_unknown", message);
            return;
        }
        (given, _) => given.parse::<Vendor>(),
    };
    if let Err(wrong) = &vendor {
        parsed.error(line, "vendor", "vendor_unknown", wrong.to_string());
    }
    let model = record.cell("model").parse::<Model>();
    if let Err(wrong) = &model {
        parsed.error(line, "model", "model_malformed", wrong.to_string());
    }
    let extension = record.cell("extension").parse::<ExtensionNumber>();
    if let Err(wrong) = &extension {
        parsed.error(line, "extension", "number_malformed", wrong.to_string());
    }
    if parsed.errors.len() == errors_before
        && let (Ok(mac), Ok(vendor), Ok(model), Ok(extension)) = (mac, vendor, model, extension)
    {
        let label = plain(record.cell("label")).to_owned();
        parsed.rows.push(Row { line, new: NewDeskPhone { phone: DeskPhone { mac, vendor, model }, extension, label } });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_the_makers_box_labels_is_read_and_every_wrong_cell_is_named() {
        let parsed = parse(
            "MAC;Model;Extension;Label;Vendor\n80:5E:C0:D5:7D:72;T46S;101;'=Reception;\n000413922d24;D785;102;;snom\n\
             805ec0d57d72;T46S;101;;\n12;T46S;1;;\n001122334455;X;101;;\n805ec0d57d73;T<46;101;;aastra\n",
        );
        let wrong: Vec<_> = parsed.errors.iter().map(|one| (one.line, one.column, one.code)).collect();
        assert_eq!(
            wrong,
            [
                (4, "mac", "mac_twice"),
                (5, "mac", "mac_malformed"),
                (6, "vendor", "vendor_unknown"),
                (7, "vendor", "vendor_unknown"),
                (7, "model", "model_malformed"),
            ]
        );
        assert_eq!(parsed.rows.len(), 2);
        assert_eq!(
            (parsed.rows[0].new.phone.vendor, parsed.rows[0].new.label.as_str()),
            (Vendor::Yealink, "=Reception")
        );
        let missing = parse("mac,model\n805ec0d57d72,T46S\n");
        assert_eq!(missing.errors.first().map(|one| (one.line, one.column)), Some((1, "extension")));
    }
}
