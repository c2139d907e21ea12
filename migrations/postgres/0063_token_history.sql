-- pbx-core: what is remembered of a push token besides the token: the one it replaced, and who else is proved to have it.

-- JSON, always read and written whole; NULL in rows of before.
ALTER TABLE wake_target ADD COLUMN history TEXT;
