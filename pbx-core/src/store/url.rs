//! Where the database is, when it is not the file in the data directory.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sqlx::postgres::PgConnectOptions;
use zeroize::Zeroizing;

/// The address of a PostgreSQL database, `postgres://user:password@host/database`. Printed, it hides the password.
#[derive(Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUrl(Zeroizing<String>);

impl DatabaseUrl {
    /// The whole address, for the driver.
    pub(super) fn reveal(&self) -> &str {
        &self.0
    }
}

impl FromStr for DatabaseUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme)) {
            return Err("give postgres://user:password@host/database, or leave it out for the built-in database".into());
        }
        PgConnectOptions::from_str(text)
            .map_err(|_| "this is no address of a database; give postgres://user:password@host/database")?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// Without the password: what is printed can be copied into a report.
impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        url.to_string()
    }
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        // What follows a question mark may hold a password as well.
        let rest = rest.split_once('?').map_or(rest, |(place, _)| place);
        match rest.rsplit_once('@') {
            Some((user, place)) => {
                let user = user.split_once(':').map_or(user, |(name, _)| name);
                write!(f, "{scheme}://{user}@{place}")
            }
            None => write!(f, "{scheme}://{rest}"),
        }
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_printed_address_has_no_password() {
        for written in
            ["postgres://anna:se:cr@et@db.lan:5433/bell?password=secret", "postgresql://anna:secret@db.lan/bell"]
        {
            let url: DatabaseUrl = written.parse().unwrap();
            for printed in [url.to_string(), format!("{url:?}"), serde_json::to_string(&url).unwrap()] {
                assert!(printed.contains("://anna@db.lan"), "{printed}");
                assert!(!printed.contains("secret") && !printed.contains("cr@et"), "{printed}");
            }
        }
    }

    #[test]
    fn what_is_no_postgres_address_is_refused_with_an_example() {
        for wrong in ["", "mysql://host/db", "postgres", "sqlite:x.db"] {
            assert!(wrong.parse::<DatabaseUrl>().unwrap_err().contains("postgres://user"), "{wrong}");
        }
    }
}
