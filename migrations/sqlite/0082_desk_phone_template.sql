-- provisioning: what a desk phone was told last, whether it was asked to fetch again, and what a partner adds for all of a kind.

-- SHA-256 of the last configuration it was given, in hex; empty when it was given none since this is kept.
ALTER TABLE desk_phone ADD COLUMN told_digest TEXT NOT NULL DEFAULT '';
-- When it was asked to fetch again (SIP NOTIFY, Event check-sync), and what came of it.
ALTER TABLE desk_phone ADD COLUMN asked_at BIGINT;
ALTER TABLE desk_phone ADD COLUMN asked_outcome TEXT NOT NULL DEFAULT '';

-- Settings put over ours for all phones of one format, or for those whose model begins with a text.
CREATE TABLE desk_phone_template (
    family     TEXT   NOT NULL,
    model      TEXT   NOT NULL, -- how the model begins, in capitals; empty for all
    settings   TEXT   NOT NULL, -- key = value, one a line
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (family, model)
);
