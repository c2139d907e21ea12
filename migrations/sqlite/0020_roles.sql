-- web-admin: what each person may do, and how people are let in.

-- Whoever could sign in before was the owner. A user of role `user` belongs to one extension.
ALTER TABLE admin_user ADD COLUMN role TEXT NOT NULL DEFAULT 'owner';
ALTER TABLE admin_user ADD COLUMN extension TEXT;
ALTER TABLE admin_user ADD COLUMN disabled_at BIGINT;

-- When whoever is signed in last proved it, for what needs a recent proof.
ALTER TABLE admin_session ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;

-- The one link by which a person sets a password; only the SHA-256 of its token is kept.
CREATE TABLE admin_invitation (
    user_id       BIGINT  NOT NULL PRIMARY KEY REFERENCES admin_user (id) ON DELETE CASCADE,
    token_hash    TEXT    NOT NULL UNIQUE,
    expires_at    BIGINT  NOT NULL
);
