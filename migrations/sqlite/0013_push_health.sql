-- push-module: how push did until the last stop, so that "last success" is not empty after an update.

CREATE TABLE push_health (
    -- 'credential:<id>', or 'kind:<kind of credential>' for the totals of all there ever were.
    subject  TEXT PRIMARY KEY,
    -- Last success, last failure, attempts by what came of them, as JSON.
    record   TEXT NOT NULL,
    saved_at BIGINT NOT NULL
);
