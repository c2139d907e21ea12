-- push-module: the credentials of push providers, and the provider tokens that must survive a restart.

CREATE TABLE push_credential (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    provider    TEXT NOT NULL CHECK (provider IN ('apns', 'fcm')),
    label       TEXT NOT NULL,
    -- The first 16 bytes of the SHA-256 of the public key, in hex: one key is stored once.
    fingerprint TEXT NOT NULL,
    -- Everything about it that is no secret, as JSON.
    details     TEXT NOT NULL,
    -- The private key (APNs) or the service account file (FCM), sealed for 'push_credential.secret:<id>'.
    secret      BLOB NOT NULL,
    uploaded_at BIGINT NOT NULL,
    -- The last live check as JSON; NULL before the first.
    last_check  TEXT,
    UNIQUE (provider, fingerprint)
);

-- Apple counts new provider tokens for each key, also across restarts, and refuses more than one in 20 minutes.
CREATE TABLE push_provider_token (
    credential_id BIGINT PRIMARY KEY REFERENCES push_credential (id) ON DELETE CASCADE,
    -- Sealed for 'push_provider_token.token:<credential_id>'.
    token         BLOB NOT NULL,
    issued_at     BIGINT NOT NULL
);
