-- pbx-core: who is blocked, and behind which addresses somebody is known.

-- A block, kept for a day behind its end so that the next one lasts longer; account '' stands for every account.
CREATE TABLE blocked_address (
    network       TEXT    NOT NULL,
    account       TEXT    NOT NULL,
    reason        TEXT    NOT NULL,
    since         BIGINT  NOT NULL,
    until         BIGINT  NOT NULL,
    times         BIGINT  NOT NULL,
    PRIMARY KEY (network, account)
);

-- A network behind which somebody proved to know a secret; it is never blocked as a whole.
CREATE TABLE known_network (
    network       TEXT    NOT NULL PRIMARY KEY,
    proved_at     BIGINT  NOT NULL
);
