-- push-module: HMS Push Kit.

ALTER TABLE push_credential DROP CONSTRAINT push_credential_provider_check;
ALTER TABLE push_credential ADD CONSTRAINT push_credential_provider_check
    CHECK (provider IN ('apns', 'fcm', 'webhook', 'webpush', 'acrobits', 'hms'));
