-- web-admin: second factors, known browsers, and for whom a second factor is needed.

-- The seed is sealed under the master key; a step is taken once. confirmed_at is 0 until the first code was shown to be right.
CREATE TABLE admin_totp (
    user_id       BIGINT  NOT NULL PRIMARY KEY REFERENCES admin_user (id) ON DELETE CASCADE,
    sealed        BYTEA    NOT NULL,
    last_step     BIGINT  NOT NULL,
    confirmed_at  BIGINT  NOT NULL
);

-- Codes for the day the phone is lost; only their SHA-256 is kept, and each works once.
CREATE TABLE admin_recovery_code (
    code_hash     TEXT    NOT NULL PRIMARY KEY,
    user_id       BIGINT  NOT NULL REFERENCES admin_user (id) ON DELETE CASCADE
);
CREATE INDEX admin_recovery_code_user ON admin_recovery_code (user_id);

-- Browsers somebody has signed in from; guessers elsewhere do not slow these down.
CREATE TABLE admin_known_browser (
    token_hash    TEXT    NOT NULL PRIMARY KEY,
    user_id       BIGINT  NOT NULL REFERENCES admin_user (id) ON DELETE CASCADE,
    created_at    BIGINT  NOT NULL
);
CREATE INDEX admin_known_browser_user ON admin_known_browser (user_id);

-- The roles that need a second factor, separated by blanks.
CREATE TABLE admin_policy (
    id                   BIGINT PRIMARY KEY CHECK (id = 1),
    second_factor_roles  TEXT    NOT NULL
);
