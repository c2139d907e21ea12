-- pbx-core: how long a wake target may be used (RFC 8599), for each device.

-- 'app': until logout; 'rfc8599': while the device is registered.
ALTER TABLE device ADD COLUMN push_policy TEXT NOT NULL DEFAULT 'app';
-- Under 'rfc8599': when the registration ends, whatever becomes of its connection.
ALTER TABLE device ADD COLUMN registered_until BIGINT;
