-- provisioning: what each phone was told about push when it fetched its profile last.

CREATE TABLE fetched_profile (
    username   TEXT   NOT NULL PRIMARY KEY,
    extension  TEXT   NOT NULL REFERENCES extension (number) ON DELETE CASCADE,
    -- Who wakes the platform it fetched with; NULL when its User-Agent names none.
    provider   TEXT,
    -- JSON: for each push provider the line of settings it was told; always read and written whole.
    push       TEXT   NOT NULL,
    fetched_at BIGINT NOT NULL,
    -- When an admin asked that it fetch again; NULL once it has.
    asked_at   BIGINT
);
CREATE INDEX fetched_profile_extension ON fetched_profile (extension);

-- Phones of before were told nothing about push but their provider's name.
INSERT INTO fetched_profile (username, extension, push, fetched_at)
    SELECT username, extension, '{}', claimed_at FROM enrolment WHERE state = 'claimed' AND claimed_at IS NOT NULL;
