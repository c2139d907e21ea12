-- provisioning: the account at a mail server, and what became of each mail.

CREATE TABLE mail_account (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Everything about it that is no secret, as JSON.
    details    TEXT   NOT NULL,
    -- Sealed for 'mail_account.password'; NULL for a server that wants none.
    password   BLOB,
    changed_at BIGINT NOT NULL
);

-- One mail. Its link is nowhere here: it is issued when the mail is written, and anew when that has to be done again.
CREATE TABLE mail (
    id         TEXT   NOT NULL PRIMARY KEY,
    -- Mails that were ordered together.
    batch      TEXT   NOT NULL,
    extension  TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    address    TEXT   NOT NULL,
    hours      BIGINT NOT NULL,
    -- The link it carries, once it was written.
    enrolment  TEXT,
    state      TEXT   NOT NULL, -- queued, sent or failed
    attempts   BIGINT NOT NULL,
    -- The mail server's last words, or why there were none.
    detail     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    next_at    BIGINT NOT NULL,
    ended_at   BIGINT
);
CREATE INDEX mail_queue ON mail (state, next_at);
CREATE INDEX mail_batch ON mail (batch);
CREATE INDEX mail_extension ON mail (extension, created_at);
