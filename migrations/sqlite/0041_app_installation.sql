-- provisioning: app installations that use the device API.

CREATE TABLE app_installation (
    -- Goes with its SIP account: revoking the account ends the access at once.
    username     TEXT   NOT NULL PRIMARY KEY REFERENCES sip_credential (username) ON DELETE CASCADE,
    extension    TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    -- The SHA-256 of its credential.
    token_hash   BLOB   NOT NULL UNIQUE,
    -- The value of +sip.instance, urn:uuid:…
    instance     TEXT   NOT NULL,
    -- Versioned JSON; always read and written whole.
    record       TEXT   NOT NULL,
    -- The highest number of a state report that was taken.
    state_seq    BIGINT NOT NULL,
    -- The revision of the profile it fetched last; '' before.
    profile_seen TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    seen_at      BIGINT NOT NULL
);
CREATE INDEX app_installation_extension ON app_installation (extension);
