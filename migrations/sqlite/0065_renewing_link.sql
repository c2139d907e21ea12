-- provisioning: links and mails that give a phone its settings again, with the account it has.

-- The account whose phone fetches again; NULL for a link that sets up another phone.
ALTER TABLE enrolment ADD COLUMN renews TEXT;
ALTER TABLE mail ADD COLUMN renews TEXT;
