-- provisioning: desk phones that fetch their configuration, and the tokens with which they may.

-- One desk phone. Its MAC names it and opens nothing. The plain SIP secret and the password of the phone's own menu are
-- kept, in one sealed value, because a phone that fetches again must be told the same.
CREATE TABLE desk_phone (
    mac           TEXT   NOT NULL PRIMARY KEY, -- twelve hex digits in lower case
    vendor        TEXT   NOT NULL,
    model         TEXT   NOT NULL,
    extension     TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    label         TEXT   NOT NULL,
    username      TEXT   NOT NULL UNIQUE,
    secrets       BLOB,
    revision      BIGINT NOT NULL,
    created_at    BIGINT NOT NULL,
    fetched_at    BIGINT,
    fetched_from  TEXT   NOT NULL,
    fetched_agent TEXT   NOT NULL,
    fetched_file  TEXT   NOT NULL,
    told          TEXT   NOT NULL
);
CREATE INDEX desk_phone_extension ON desk_phone (extension);

-- A secret path. It is looked up by its SHA-256; those that a configuration names are kept sealed as well.
CREATE TABLE desk_phone_token (
    mac        TEXT   NOT NULL REFERENCES desk_phone (mac) ON DELETE CASCADE,
    kind       TEXT   NOT NULL, -- first, next or current
    hash       BLOB   NOT NULL UNIQUE,
    sealed     BLOB,
    expires_at BIGINT,
    PRIMARY KEY (mac, kind)
);
