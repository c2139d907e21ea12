-- web-admin: when backups are made, with which passphrase, and how the last one ended.

CREATE TABLE backup_policy (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- The time of day and how many are kept, as JSON.
    details    TEXT   NOT NULL,
    -- Sealed for 'backup_policy.passphrase'.
    passphrase BLOB,
    changed_at BIGINT NOT NULL
);

-- The last backup that was tried, whoever asked for it.
CREATE TABLE backup_outcome (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    at         BIGINT NOT NULL,
    -- Empty when it went well.
    problem    TEXT   NOT NULL
);
