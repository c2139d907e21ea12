-- A million calls: each filter of the call log walks one of these from the newest call down.
DROP INDEX call_started_at;
CREATE INDEX call_started ON call (started_at, id);
CREATE INDEX call_caller ON call (caller, started_at, id);
CREATE INDEX call_callee ON call (callee, started_at, id);
CREATE INDEX call_ending ON call (ending, started_at, id);
