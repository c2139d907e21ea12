-- provisioning: the authorities whose factory certificates prove that a desk phone is the one it says.

CREATE TABLE desk_phone_authority (
    fingerprint TEXT   NOT NULL PRIMARY KEY,
    vendor      TEXT   NOT NULL,
    der         BYTEA  NOT NULL,
    added_at    BIGINT NOT NULL
);
