-- Message Batches: which are under way, and which were. Written by state/operations/batches.py alone.

CREATE TABLE model_batches (
    batch_key VARCHAR NOT NULL,      -- ours
    at_us BIGINT NOT NULL,
    batch_id VARCHAR NOT NULL,       -- the API's; empty until it has said it
    state VARCHAR NOT NULL,          -- planned (nothing went out), sent (perhaps), ended
    ended_at_us BIGINT               -- when its answers were kept
);

-- What is asked in them, by hash: for as long as a batch is under way, and a day longer.
CREATE TABLE model_batch_items (
    batch_key VARCHAR NOT NULL,
    request_hash VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    purpose VARCHAR NOT NULL,
    reservation_id VARCHAR NOT NULL,
    reserved_at_us BIGINT NOT NULL,
    amount_nano BIGINT NOT NULL      -- the most it can cost
);
