-- provisioning: what an admin chose for all desk phones, and which tokens want a password beside them.

CREATE TABLE desk_phone_setting (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The phone was told a password together with this token and gives it when it fetches.
ALTER TABLE desk_phone_token ADD COLUMN password BOOLEAN NOT NULL DEFAULT FALSE;
