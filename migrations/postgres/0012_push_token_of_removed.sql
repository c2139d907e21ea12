-- push-module: the provider token of a removed APNs key. Apple counts new tokens for each key, so a key that is added again
-- within the hour goes on with the one it had.

CREATE TABLE push_token_of_removed (
    -- Fingerprint, key id and team id: everything that is in a token.
    identity  TEXT PRIMARY KEY,
    -- Sealed for 'push_token_of_removed.token:<identity>'.
    token     BYTEA NOT NULL,
    issued_at BIGINT NOT NULL
);
