-- web-admin: receivers of call and device events, and what became of each event.

CREATE TABLE event_webhook (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    name            TEXT    NOT NULL,
    url             TEXT    NOT NULL,
    -- The kinds of events it gets, with blanks between them.
    events          TEXT    NOT NULL,
    -- Its host may be in a private network or on this machine.
    allow_private   BOOLEAN NOT NULL,
    -- An additional trusted root in PEM; may be empty.
    authority       TEXT    NOT NULL,
    -- Sealed for 'event_webhook.secret:<id>'.
    secret          BLOB   NOT NULL,
    -- The secret before, sealed likewise, and until when it signs as well.
    old_secret      BLOB,
    old_until       BIGINT,
    secret_at       BIGINT  NOT NULL,
    enabled         BOOLEAN NOT NULL,
    -- Why it was switched off by itself; empty otherwise.
    disabled_why    TEXT    NOT NULL,
    -- Attempts that failed in a row, when the first of them was, and when the next one is.
    failures        BIGINT  NOT NULL,
    failing_since   BIGINT,
    next_at         BIGINT  NOT NULL,
    last_success_at BIGINT,
    created_at      BIGINT  NOT NULL
);

-- One event for one receiver.
CREATE TABLE event_delivery (
    webhook    BIGINT NOT NULL REFERENCES event_webhook (id) ON DELETE CASCADE,
    -- The order in which events happened, counted up for each receiver.
    seq        BIGINT NOT NULL,
    -- The header webhook-id: the same in every attempt, and when the event is found again after a crash.
    event_id   TEXT   NOT NULL,
    kind       TEXT   NOT NULL,
    body       TEXT   NOT NULL,
    state      TEXT   NOT NULL, -- queued, delivered, failed or dropped
    attempts   BIGINT NOT NULL,
    status     BIGINT,
    -- The receiver's or our last words about it.
    detail     TEXT   NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at   BIGINT,
    PRIMARY KEY (webhook, seq),
    UNIQUE (webhook, event_id)
);
CREATE INDEX event_delivery_state ON event_delivery (webhook, state, seq);

-- How far the calls of the call log were made into events: calls that live or ended lately, and the highest that was seen.
CREATE TABLE event_call (
    call_id BIGINT  NOT NULL PRIMARY KEY,
    seq     BIGINT  NOT NULL,
    -- Whether its end was told.
    ended   BOOLEAN NOT NULL
);
