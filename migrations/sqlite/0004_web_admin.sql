-- web-admin: who may sign in, who is signed in, and what scripts may use.

-- An admin; passwords are argon2id in PHC form.
CREATE TABLE admin_user (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    name_key      TEXT    NOT NULL UNIQUE,
    password_hash TEXT    NOT NULL,
    created_at    BIGINT  NOT NULL,
    changed_at    BIGINT  NOT NULL
);

-- A signed-in browser; only the SHA-256 of its cookie is kept.
CREATE TABLE admin_session (
    token_hash    TEXT    NOT NULL PRIMARY KEY,
    user_id       BIGINT  NOT NULL REFERENCES admin_user (id) ON DELETE CASCADE,
    created_at    BIGINT  NOT NULL,
    seen_at       BIGINT  NOT NULL,
    address       TEXT    NOT NULL,
    user_agent    TEXT    NOT NULL
);
CREATE INDEX admin_session_user ON admin_session (user_id);

-- The one setup link that works, if any; only the SHA-256 of its token is kept.
CREATE TABLE admin_setup (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    token_hash    TEXT    NOT NULL,
    expires_at    BIGINT  NOT NULL
);

-- A token for scripts; only its SHA-256 is kept.
CREATE TABLE admin_api_token (
    id            INTEGER PRIMARY KEY,
    name          TEXT    NOT NULL,
    token_hash    TEXT    NOT NULL UNIQUE,
    created_at    BIGINT  NOT NULL,
    last_used_at  BIGINT
);
