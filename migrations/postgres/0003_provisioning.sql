-- provisioning: enrolment links.

-- A link that gives one device its account. Of its token only the SHA-256 is here. The account's user name is fixed when
-- the link is issued, so that a redemption cut short by a crash and done again replaces its own account.
CREATE TABLE enrolment (
    id         TEXT   NOT NULL PRIMARY KEY,
    extension  TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    token_hash BYTEA   NOT NULL UNIQUE,
    label      TEXT   NOT NULL,
    username   TEXT   NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    state      TEXT   NOT NULL, -- issued, claimed or revoked; an issued link past expires_at has expired
    claimed_at BIGINT,
    revoked_at BIGINT
);
CREATE INDEX enrolment_extension ON enrolment (extension, created_at);
