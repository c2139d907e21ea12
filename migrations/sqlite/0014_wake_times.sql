-- pbx-core: how long the phones of each push provider took to wake, all time.

CREATE TABLE wake_times (
    provider TEXT PRIMARY KEY,
    -- Wakes that were ordered.
    ordered  BIGINT NOT NULL,
    -- Milliseconds of all that came, together.
    sum_ms   BIGINT NOT NULL,
    -- How many came in each step of the histogram, as a JSON array.
    counts   TEXT NOT NULL
);
