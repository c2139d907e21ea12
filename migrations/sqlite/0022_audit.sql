-- web-admin: who did what, when, from where and with which result. Lines are only ever added.

-- Each hash covers the line and the hash before it.
CREATE TABLE admin_audit (
    seq           BIGINT  NOT NULL PRIMARY KEY,
    at            BIGINT  NOT NULL,
    who           TEXT    NOT NULL,
    role          TEXT    NOT NULL,
    door          TEXT    NOT NULL,
    address       TEXT    NOT NULL,
    action        TEXT    NOT NULL,
    target        TEXT    NOT NULL,
    result        TEXT    NOT NULL,
    detail        TEXT    NOT NULL,
    hash          TEXT    NOT NULL
);

-- Where the chain begins and ends, sealed under the master key, so that a cut or rewritten chain is noticed.
CREATE TABLE admin_audit_head (
    id            INTEGER PRIMARY KEY CHECK (id = 1),
    sealed        BLOB    NOT NULL
);
