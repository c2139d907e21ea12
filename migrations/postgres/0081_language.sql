-- web-admin: the language somebody chose for themselves: en or de; empty for that of the company.

ALTER TABLE admin_user ADD COLUMN language TEXT NOT NULL DEFAULT '';
