-- web-admin: what a token may do, from where, until when, and whose it is.

-- Tokens made before could do everything, and still can.
ALTER TABLE admin_api_token ADD COLUMN scopes TEXT NOT NULL
    DEFAULT 'read extensions devices push calls settings security metrics system users';
ALTER TABLE admin_api_token ADD COLUMN addresses TEXT NOT NULL DEFAULT '';
ALTER TABLE admin_api_token ADD COLUMN expires_at BIGINT;
-- Its maker; the token never does more than they may. NULL when it was made at the Unix socket.
ALTER TABLE admin_api_token ADD COLUMN user_id BIGINT REFERENCES admin_user (id) ON DELETE CASCADE;
