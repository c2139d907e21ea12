//! What phones say of themselves through the device API: permissions they lack, and battery saving that stops the app.

use std::collections::BTreeMap;

use pbx_core::model::ExtensionNumber;

use super::{Finding, Level, phones};
use crate::error::Refusal;
use crate::language::retold;
use crate::state::AdminState;
use crate::words;
use crate::{say, t};

/// Extensions named in one finding; the rest is counted.
const NAMED: usize = 5;

/// Which phones report which problem, each with its fix.
pub(crate) type AppProblems = BTreeMap<(&'static str, &'static str), Vec<ExtensionNumber>>;

/// Reads what phones reported last.
pub(super) async fn load(state: &AdminState) -> Result<AppProblems, Refusal> {
    let mut found = AppProblems::new();
    for app in state.enrolments.installations().list(None).await? {
        for problem in app.record.problems() {
            found.entry(problem).or_default().push(app.extension);
        }
    }
    Ok(found)
}

/// One finding for each problem.
pub(super) fn findings(problems: &AppProblems, findings: &mut Vec<Finding>) {
    for ((code, text), extensions) in problems {
        let named: Vec<String> = extensions.iter().take(NAMED).map(ToString::to_string).collect();
        let more = match extensions.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => say("advice-apps-more").count("more", more).text(),
        };
        let text = retold(text);
        let (problem, fix) = text.split_once("; ").unwrap_or((&text, t("advice-apps-open")));
        let text = say("advice-apps-may-miss")
            .with("phones", &phones(extensions.len()))
            .with("extensions", &named.join(", "))
            .with("more", &more)
            .with("problem", &problem)
            .text();
        findings.push(Finding::new(Level::Warn, code, text, words::sentence(fix), "/extensions"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_problem_is_said_once_with_the_phones_that_have_it() {
        let number = |n: usize| format!("{}", 100 + n).parse().unwrap();
        let problem = ("app_notifications_denied", "the phone does not let the app show calls; allow notifications");
        let mut found = Vec::new();
        findings(&AppProblems::from([(problem, (0..7).map(number).collect())]), &mut found);
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].code, found[0].level), ("app_notifications_denied", Level::Warn));
        assert_eq!(
            found[0].text,
            "7 phones (100, 101, 102, 103, 104 and 2 more) may miss calls: the phone does not let the app show calls."
        );
        assert_eq!(found[0].fix, "Allow notifications.");
    }
}
