-- push-module: the web proxy that secure connections leave through.

CREATE TABLE web_proxy (
    id         BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    -- Everything about it that is no secret, as JSON.
    details    TEXT   NOT NULL,
    -- Sealed for 'web_proxy.password'; NULL for a proxy that asks for none.
    password   BLOB,
    changed_at BIGINT NOT NULL
);
