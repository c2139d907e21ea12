-- push-module: HMS Push Kit. SQLite cannot change a CHECK, so both tables are made anew; the provider tokens go first, because
-- dropping the credentials would take them along.

CREATE TABLE kept_provider_token AS SELECT credential_id, token, issued_at FROM push_provider_token;
DROP TABLE push_provider_token;

CREATE TABLE push_credential_new (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    provider    TEXT NOT NULL CHECK (provider IN ('apns', 'fcm', 'webhook', 'webpush', 'acrobits', 'hms')),
    label       TEXT NOT NULL,
    -- The first 16 bytes of the SHA-256 of the public key (of the secret for a webhook), in hex: one key is stored once.
    fingerprint TEXT NOT NULL,
    -- Everything about it that is no secret, as JSON.
    details     TEXT NOT NULL,
    -- The private key (APNs), the service account file (FCM) or the shared secret or the VAPID key, sealed for 'push_credential.secret:<id>'.
    secret      BLOB NOT NULL,
    uploaded_at BIGINT NOT NULL,
    -- The last live check as JSON; NULL before the first.
    last_check  TEXT,
    UNIQUE (provider, fingerprint)
);
INSERT INTO push_credential_new (id, provider, label, fingerprint, details, secret, uploaded_at, last_check)
    SELECT id, provider, label, fingerprint, details, secret, uploaded_at, last_check FROM push_credential;
-- A secret is sealed for its row, so the number of a removed credential is never given to another one.
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'push_credential_new', 0 WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = 'push_credential_new');
UPDATE sqlite_sequence SET seq = coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'push_credential'), 0)
    WHERE name = 'push_credential_new';
DROP TABLE push_credential;
ALTER TABLE push_credential_new RENAME TO push_credential;

-- Apple counts new provider tokens for each key, also across restarts, and refuses more than one in 20 minutes.
CREATE TABLE push_provider_token (
    credential_id BIGINT PRIMARY KEY REFERENCES push_credential (id) ON DELETE CASCADE,
    -- Sealed for 'push_provider_token.token:<credential_id>'.
    token         BLOB NOT NULL,
    issued_at     BIGINT NOT NULL
);
INSERT INTO push_provider_token (credential_id, token, issued_at)
    SELECT credential_id, token, issued_at FROM kept_provider_token;
DROP TABLE kept_provider_token;
