-- pbx-core: extensions, SIP accounts, devices with their two records, calls, settings.

-- An internal number and its owner.
CREATE TABLE extension (
    number       TEXT    NOT NULL PRIMARY KEY,
    name         TEXT    NOT NULL,
    email        TEXT,
    push_enabled BOOLEAN NOT NULL,
    created_at   BIGINT  NOT NULL
);

-- What a device proves to know. Both digests in one sealed value; the secret itself is nowhere.
CREATE TABLE sip_credential (
    username  TEXT NOT NULL PRIMARY KEY,
    extension TEXT NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    digests   BYTEA NOT NULL
);
CREATE INDEX sip_credential_extension ON sip_credential (extension);

-- One phone or one app installation. Ids are given by the switchboard and never used twice (see id_high).
CREATE TABLE device (
    id            BIGINT NOT NULL PRIMARY KEY,
    extension     TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    device_key    TEXT   NOT NULL,
    username      TEXT   NOT NULL,
    user_agent    TEXT   NOT NULL,
    first_seen_at BIGINT NOT NULL,
    last_seen_at  BIGINT NOT NULL,
    last_wake     TEXT, -- JSON; always read and written whole
    UNIQUE (extension, device_key)
);

-- Record 2: how a device can be woken. Outlives binding, flow and restart. Both tokens in one sealed value.
CREATE TABLE wake_target (
    device_id    BIGINT NOT NULL PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    provider     TEXT   NOT NULL,
    app_id       TEXT   NOT NULL,
    environment  TEXT   NOT NULL,
    tokens       BYTEA   NOT NULL,
    learned_at   BIGINT NOT NULL,
    health       TEXT   NOT NULL, -- JSON; always read and written whole
    switched_off TEXT
);

-- Record 1 of devices on UDP, so that desk phones survive a restart. The contact is sealed: it may carry a push token.
CREATE TABLE udp_binding (
    device_id  BIGINT NOT NULL PRIMARY KEY REFERENCES device (id) ON DELETE CASCADE,
    contact    BYTEA   NOT NULL,
    remote     TEXT   NOT NULL,
    local      TEXT   NOT NULL,
    path       TEXT   NOT NULL, -- JSON list of URIs
    call_id    TEXT   NOT NULL,
    cseq       BIGINT NOT NULL,
    since      BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);

-- The call log.
CREATE TABLE call (
    id                  BIGINT NOT NULL PRIMARY KEY,
    uuid                TEXT   NOT NULL,
    caller              TEXT   NOT NULL,
    caller_name         TEXT   NOT NULL,
    callee              TEXT   NOT NULL,
    started_at          BIGINT NOT NULL,
    answered_at         BIGINT,
    ended_at            BIGINT,
    ending              TEXT,
    reason              TEXT   NOT NULL,
    answered_by         BIGINT,
    packets_from_caller BIGINT NOT NULL,
    packets_from_callee BIGINT NOT NULL
);
CREATE INDEX call_started_at ON call (started_at);
CREATE INDEX call_open ON call (id) WHERE ended_at IS NULL;

-- A call's timeline in milliseconds. No reference to call: an entry must never fail because its call row comes later.
CREATE TABLE call_event (
    call_id   BIGINT NOT NULL,
    seq       BIGINT NOT NULL,
    at        BIGINT NOT NULL,
    step      TEXT   NOT NULL,
    device_id BIGINT,
    detail    TEXT   NOT NULL,
    PRIMARY KEY (call_id, seq)
);

-- Live settings, one JSON value for each area.
CREATE TABLE setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The highest id ever given in a table whose ids are never used twice.
CREATE TABLE id_high (
    name  TEXT   NOT NULL PRIMARY KEY,
    value BIGINT NOT NULL
);

-- One value sealed under the master key, so that a foreign key file is noticed at start and not at the first call.
CREATE TABLE seal_check (
    id     BIGINT NOT NULL PRIMARY KEY,
    sealed BYTEA   NOT NULL
);
