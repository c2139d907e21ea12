//! Credentials in the database: secrets sealed for their row, everything else as JSON.

use pbx_core::model::{Redacted, UnixMillis};
use pbx_core::store::sql::{Row, Transaction, query, query_as, query_scalar};
use pbx_core::store::{Store, StoreError};

use super::validate::{Details, Key, Validated};
use super::{CheckOutcome, CredentialError, CredentialId, VapidKey};

/// A business has one or two apps; more is a mistake of a script.
const CREDENTIALS: usize = 32;
/// Apple refuses provider tokens older than an hour.
const TOKEN_SECONDS: i64 = 3600;

/// A provider token that outlived a restart.
#[derive(Debug, Clone)]
pub(crate) struct KeptToken {
    pub(crate) token: Redacted<String>,
    /// Unix seconds; the `iat` in it.
    pub(crate) issued_at: i64,
}

/// A credential as it was stored.
#[derive(Debug, Clone)]
pub(crate) struct Loaded {
    pub(crate) id: CredentialId,
    pub(crate) label: String,
    pub(crate) fingerprint: String,
    pub(crate) details: Details,
    /// `None` when the secret does not open with this installation's master key.
    pub(crate) key: Option<Key>,
    pub(crate) uploaded_at: UnixMillis,
    pub(crate) last_check: Option<CheckOutcome>,
    pub(crate) kept_token: Option<KeptToken>,
}

/// Reads and writes the tables of `0002_push.sql`; cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct CredentialStore {
    store: Store,
}

fn secret_place(id: CredentialId) -> String {
    format!("push_credential.secret:{id}")
}

/// Where this installation's key for Web Push is sealed.
const VAPID_PLACE: &str = "vapid_key.secret";

fn token_place(id: CredentialId) -> String {
    format!("push_provider_token.token:{id}")
}

fn removed_place(identity: &str) -> String {
    format!("push_token_of_removed.token:{identity}")
}

impl CredentialStore {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Every credential, oldest first.
    pub(crate) async fn load(&self) -> Result<Vec<Loaded>, StoreError> {
        let doing = "reading the push credentials";
        let rows = query(
            "SELECT c.id, c.label, c.fingerprint, c.details, c.secret, c.uploaded_at, c.last_check, t.token, t.issued_at \
             FROM push_credential c LEFT JOIN push_provider_token t ON t.credential_id = c.id ORDER BY c.id",
        )
        .fetch_all(self.store.reader())
        .await
        .map_err(StoreError::doing(doing))?;
        rows.iter().map(|row| self.loaded(row)).collect()
    }

    fn loaded(&self, row: &Row) -> Result<Loaded, StoreError> {
        let doing = "reading a push credential";
        let id = CredentialId(row.try_get("id").map_err(StoreError::doing(doing))?);
        let details: String = row.try_get("details").map_err(StoreError::doing(doing))?;
        let details: Details = serde_json::from_str(&details).map_err(|_| StoreError::Inconsistent {
            table: "push_credential",
            column: "details",
            row: id.to_string(),
        })?;
        let secret: Vec<u8> = row.try_get("secret").map_err(StoreError::doing(doing))?;
        let last_check: Option<String> = row.try_get("last_check").map_err(StoreError::doing(doing))?;
        Ok(Loaded {
            id,
            label: row.try_get("label").map_err(StoreError::doing(doing))?,
            fingerprint: row.try_get("fingerprint").map_err(StoreError::doing(doing))?,
            key: self.open(id, &details, &secret),
            details,
            uploaded_at: UnixMillis(row.try_get("uploaded_at").map_err(StoreError::doing(doing))?),
            last_check: last_check.and_then(|json| serde_json::from_str(&json).ok()),
            kept_token: self.kept_token(id, row)?,
        })
    }

    fn open(&self, id: CredentialId, details: &Details, sealed: &[u8]) -> Option<Key> {
        let opened = self.store.sealer().open(&secret_place(id), sealed).ok()?;
        Key::parse(details, std::str::from_utf8(&opened).ok()?).ok()
    }

    fn kept_token(&self, id: CredentialId, row: &Row) -> Result<Option<KeptToken>, StoreError> {
        let doing = "reading a provider token";
        let sealed: Option<Vec<u8>> = row.try_get("token").map_err(StoreError::doing(doing))?;
        let issued_at: Option<i64> = row.try_get("issued_at").map_err(StoreError::doing(doing))?;
        let (Some(sealed), Some(issued_at)) = (sealed, issued_at) else { return Ok(None) };
        // One that does not open is simply made anew.
        let Ok(opened) = self.store.sealer().open(&token_place(id), &sealed) else { return Ok(None) };
        let Ok(token) = std::str::from_utf8(&opened) else { return Ok(None) };
        Ok(Some(KeptToken { token: Redacted::new(token.to_owned()), issued_at }))
    }

    /// Seals and stores a new credential.
    pub(crate) async fn insert(&self, new: Validated, now: UnixMillis) -> Result<Loaded, CredentialError> {
        let doing = "storing a push credential";
        let fingerprint = new.key.fingerprint().to_owned();
        let kind = new.details.kind();
        let details = serde_json::to_string(&new.details).map_err(|_| StoreError::Inconsistent {
            table: "push_credential",
            column: "details",
            row: new.label.clone(),
        })?;
        let mut change = self.store.begin().await?;
        let there: Vec<(String, String, String)> = query_as("SELECT provider, fingerprint, label FROM push_credential")
            .fetch_all(&mut change)
            .await
            .map_err(StoreError::doing(doing))?;
        if let Some((_, _, label)) = there.iter().find(|(p, f, _)| p == kind.as_str() && *f == fingerprint) {
            return Err(CredentialError::Duplicate { label: label.clone() });
        }
        if there.len() >= CREDENTIALS {
            return Err(CredentialError::TooMany { limit: CREDENTIALS });
        }
        let id: i64 = query_scalar(
            "INSERT INTO push_credential (provider, label, fingerprint, details, secret, uploaded_at) \
             VALUES ($1, $2, $3, $4, $5, $6) RETURNING id",
        )
        .bind(kind.as_str())
        .bind(&new.label)
        .bind(&fingerprint)
        .bind(&details)
        .bind(Vec::<u8>::new())
        .bind(now.0)
        .fetch_one(&mut change)
        .await
        .map_err(StoreError::doing(doing))?;
        let id = CredentialId(id);
        let sealed = self
            .store
            .sealer()
            .seal(&secret_place(id), new.secret.reveal().as_bytes())
            .map_err(|error| CredentialError::Store(error.into()))?;
        query("UPDATE push_credential SET secret = $1 WHERE id = $2")
            .bind(sealed)
            .bind(id.0)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(doing))?;
        let kept_token = match new.details.token_identity(&fingerprint) {
            Some(identity) => self.take_token_of_removed(&mut change, &identity, now).await?,
            None => None,
        };
        change.commit().await.map_err(StoreError::doing(doing))?;
        if let Some(kept) = &kept_token {
            self.put_token(id, kept).await?;
        }
        Ok(Loaded {
            id,
            label: new.label,
            fingerprint,
            details: new.details,
            key: Some(new.key),
            uploaded_at: now,
            last_check: None,
            kept_token,
        })
    }

    /// The provider token that a removed credential with the same key left behind, unless Apple would refuse it by now.
    async fn take_token_of_removed(
        &self,
        change: &mut Transaction,
        identity: &str,
        now: UnixMillis,
    ) -> Result<Option<KeptToken>, StoreError> {
        let doing = "looking for the provider token of a removed credential";
        query("DELETE FROM push_token_of_removed WHERE issued_at < $1")
            .bind(now.seconds() - TOKEN_SECONDS)
            .execute(&mut *change)
            .await
            .map_err(StoreError::doing(doing))?;
        let found: Option<(Vec<u8>, i64)> =
            query_as("DELETE FROM push_token_of_removed WHERE identity = $1 RETURNING token, issued_at")
                .bind(identity)
                .fetch_optional(&mut *change)
                .await
                .map_err(StoreError::doing(doing))?;
        let Some((sealed, issued_at)) = found else { return Ok(None) };
        let Ok(opened) = self.store.sealer().open(&removed_place(identity), &sealed) else { return Ok(None) };
        let Ok(token) = std::str::from_utf8(&opened) else { return Ok(None) };
        Ok(Some(KeptToken { token: Redacted::new(token.to_owned()), issued_at }))
    }

    /// This installation's key for Web Push, made when it is asked for the first time.
    pub(crate) async fn vapid_key(&self, now: UnixMillis) -> Result<Redacted<String>, CredentialError> {
        let doing = "making the key for Web Push";
        let mut change = self.store.begin().await?;
        let sealed: Option<Vec<u8>> = query_scalar::<Vec<u8>>("SELECT secret FROM vapid_key WHERE id = 1")
            .fetch_optional(&mut change)
            .await
            .map_err(StoreError::doing(doing))?;
        let kept = sealed.and_then(|sealed| {
            let opened = self.store.sealer().open(VAPID_PLACE, &sealed).ok()?;
            Some(Redacted::new(std::str::from_utf8(&opened).ok()?.to_owned()))
        });
        // One that does not open with this master key is lost, and so are the subscriptions that were made with it.
        if let Some(kept) = kept {
            return Ok(kept);
        }
        let secret = VapidKey::generate().ok_or(CredentialError::VapidKey)?;
        let sealed = self
            .store
            .sealer()
            .seal(VAPID_PLACE, secret.reveal().as_bytes())
            .map_err(|error| CredentialError::Store(error.into()))?;
        query(
            "INSERT INTO vapid_key (id, secret, made_at) VALUES (1, $1, $2) \
             ON CONFLICT (id) DO UPDATE SET secret = excluded.secret, made_at = excluded.made_at",
        )
        .bind(sealed)
        .bind(now.0)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(doing))?;
        change.commit().await.map_err(StoreError::doing(doing))?;
        Ok(secret)
    }

    /// Deletes a credential; says whether it was there. Its provider token stays, sealed, for the case that the same key is
    /// added again before Apple takes another one.
    pub(crate) async fn delete(&self, id: CredentialId, token: Option<(&str, &KeptToken)>) -> Result<bool, StoreError> {
        let doing = "removing a push credential";
        let mut change = self.store.begin().await?;
        let done = query("DELETE FROM push_credential WHERE id = $1")
            .bind(id.0)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(doing))?;
        if let Some((identity, kept)) = token {
            let sealed = self.store.sealer().seal(&removed_place(identity), kept.token.reveal().as_bytes())?;
            query(
                "INSERT INTO push_token_of_removed (identity, token, issued_at) VALUES ($1, $2, $3) \
                 ON CONFLICT (identity) DO UPDATE SET token = excluded.token, issued_at = excluded.issued_at",
            )
            .bind(identity)
            .bind(sealed)
            .bind(kept.issued_at)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(doing))?;
        }
        change.commit().await.map_err(StoreError::doing(doing))?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes the result of a live check.
    pub(crate) async fn put_check(&self, id: CredentialId, outcome: &CheckOutcome) -> Result<(), StoreError> {
        let doing = "noting the check of a push credential";
        let json = serde_json::to_string(outcome).map_err(|_| StoreError::Inconsistent {
            table: "push_credential",
            column: "last_check",
            row: id.to_string(),
        })?;
        let mut change = self.store.begin().await?;
        query("UPDATE push_credential SET last_check = $1 WHERE id = $2")
            .bind(json)
            .bind(id.0)
            .execute(&mut change)
            .await
            .map_err(StoreError::doing(doing))?;
        change.commit().await.map_err(StoreError::doing(doing))
    }

    /// Keeps a provider token for the next start.
    pub(crate) async fn put_token(&self, id: CredentialId, kept: &KeptToken) -> Result<(), StoreError> {
        let doing = "keeping a provider token";
        let sealed = self.store.sealer().seal(&token_place(id), kept.token.reveal().as_bytes())?;
        let mut change = self.store.begin().await?;
        // The credential may have been removed meanwhile; then there is nothing to keep it for.
        query(
            "INSERT INTO push_provider_token (credential_id, token, issued_at) \
             SELECT id, $2, $3 FROM push_credential WHERE id = $1 \
             ON CONFLICT (credential_id) DO UPDATE SET token = excluded.token, issued_at = excluded.issued_at",
        )
        .bind(id.0)
        .bind(sealed)
        .bind(kept.issued_at)
        .execute(&mut change)
        .await
        .map_err(StoreError::doing(doing))?;
        change.commit().await.map_err(StoreError::doing(doing))
    }
}
