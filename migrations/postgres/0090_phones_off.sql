-- pbx-core: phones that are switched off are a state of their extension, which keeps its accounts and devices meanwhile.
ALTER TABLE extension ADD COLUMN phones_off_at BIGINT;

-- Accounts that were put aside come back; their extension is off, and so is whatever joined it meanwhile.
UPDATE extension
SET phones_off_at = (SELECT MIN(p.paused_at) FROM paused_account p WHERE p.extension = extension.number);
INSERT INTO sip_credential (username, extension, digests)
SELECT p.username, p.extension, p.digests FROM paused_account p WHERE p.username IS NOT NULL
ON CONFLICT (username) DO NOTHING;
INSERT INTO app_installation
    (username, extension, token_hash, instance, record, state_seq, profile_seen, created_at, seen_at)
SELECT p.username, p.extension, p.token_hash, p.instance, p.record, 0, p.profile_seen, p.created_at, p.paused_at
FROM paused_account p WHERE p.token_hash IS NOT NULL
ON CONFLICT (username) DO NOTHING;
DELETE FROM paused_account;
