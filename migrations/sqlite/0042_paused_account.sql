-- provisioning: accounts that are switched off. What they need to come back is kept, so no new code is needed.

CREATE TABLE paused_account (
    username     TEXT   NOT NULL PRIMARY KEY,
    extension    TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    -- As in sip_credential: both digests, sealed for that row.
    digests      BLOB   NOT NULL,
    -- As in app_installation; NULL for a phone that does not use the device API.
    token_hash   BLOB,
    instance     TEXT,
    record       TEXT,
    profile_seen TEXT,
    created_at   BIGINT,
    paused_at    BIGINT NOT NULL
);
CREATE INDEX paused_account_extension ON paused_account (extension);
