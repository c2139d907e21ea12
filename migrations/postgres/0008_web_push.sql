-- push-module: Web Push and the Acrobits mediator.

ALTER TABLE push_credential DROP CONSTRAINT push_credential_provider_check;
ALTER TABLE push_credential ADD CONSTRAINT push_credential_provider_check
    CHECK (provider IN ('apns', 'fcm', 'webhook', 'webpush', 'acrobits'));

-- The key by which push services know this installation (RFC 8292). Apps subscribe with its public half, so it outlives the
-- credential that uses it and belongs into every backup.
CREATE TABLE vapid_key (
    id      BIGINT PRIMARY KEY CHECK (id = 1),
    -- PKCS#8 in base64url, sealed for 'vapid_key.secret'.
    secret  BYTEA  NOT NULL,
    made_at BIGINT NOT NULL
);
