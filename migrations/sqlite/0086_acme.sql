-- web-admin: the certificate that an authority gives by itself (ACME, RFC 8555).

-- What an admin chose, as JSON, and the key of an external account (RFC 8555 section 7.3.4).
CREATE TABLE acme_setting (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    details    TEXT   NOT NULL,
    -- Sealed for 'acme_setting.eab_key'.
    eab_key    BLOB,
    changed_at BIGINT NOT NULL
);

-- Our account at each authority, by the address of its directory: its address and key, sealed for 'acme_account.sealed:<directory>'.
CREATE TABLE acme_account (
    directory  TEXT   NOT NULL PRIMARY KEY,
    sealed     BLOB   NOT NULL,
    created_at BIGINT NOT NULL
);

-- The order under way: a restart goes on with it. Its key is sealed for 'acme_order.private_key'.
CREATE TABLE acme_order (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    directory   TEXT   NOT NULL,
    host        TEXT   NOT NULL,
    url         TEXT   NOT NULL,
    private_key BLOB   NOT NULL,
    created_at  BIGINT NOT NULL
);

-- The certificate in force with its chain, in PEM; its key is sealed for 'acme_certificate.private_key'.
CREATE TABLE acme_certificate (
    id          BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    directory   TEXT   NOT NULL,
    chain       TEXT   NOT NULL,
    private_key BLOB   NOT NULL,
    issued_at   BIGINT NOT NULL
);

-- When the next order is made, and why the last one failed, as JSON.
CREATE TABLE acme_state (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    details    TEXT   NOT NULL
);
