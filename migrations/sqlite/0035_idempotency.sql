-- web-admin: what creations under an Idempotency-Key were answered, for 24 hours. Answers hold secrets that are shown once.
CREATE TABLE idempotent_answer (
    caller TEXT NOT NULL,
    key TEXT NOT NULL,
    request_hash TEXT NOT NULL,
    status BIGINT NOT NULL,
    sealed_body BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (caller, key)
);
CREATE INDEX idempotent_answer_created_at ON idempotent_answer (created_at);
