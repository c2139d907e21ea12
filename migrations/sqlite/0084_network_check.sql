-- web-admin: the last network checks, from inside and from outside.

CREATE TABLE network_check (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- 'inside' or 'outside'.
    vantage      TEXT    NOT NULL,
    -- Where the machine outside was seen to come from; empty for a check from inside.
    seen_from    TEXT    NOT NULL,
    started_at   BIGINT  NOT NULL,
    finished_at  BIGINT  NOT NULL,
    -- What was seen, as JSON.
    observations TEXT    NOT NULL
);
