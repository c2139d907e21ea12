-- provisioning: the account that a phone had at another extension, until it is taken away; empty for none.
ALTER TABLE desk_phone ADD COLUMN leaves TEXT NOT NULL DEFAULT '';
