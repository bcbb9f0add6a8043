-- What the service asked a language model, what that cost and what came of it. Written by
-- state/operations/model.py alone.

-- Whose session a request is about: what is sent and answered is kept for somebody, or not at all.
CREATE TABLE model_askers (
    request_hash VARCHAR NOT NULL,
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    user_name VARCHAR NOT NULL,      -- as the session's folder says, before names are linked
    at_us BIGINT NOT NULL            -- when it was asked first
);

-- The exact body of each request, kept before it was sent, for as long as the settings say.
CREATE TABLE model_payloads (
    request_hash VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,
    body VARCHAR NOT NULL            -- JSON
);

-- Answers by the hash of what they answer, so that none is paid for twice.
CREATE TABLE model_recordings (
    request_hash VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,
    model VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    answer VARCHAR NOT NULL,
    tokens VARCHAR NOT NULL,         -- a JSON object, by kind
    cost_nano BIGINT NOT NULL
);

-- Every call that went out, with what it cost. Says nothing of what was sent.
CREATE TABLE model_calls (
    call_id VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,
    request_hash VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    purpose VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    tokens VARCHAR,                  -- a JSON object, by kind; NULL if nobody knows
    cost_nano BIGINT NOT NULL,
    latency_ms BIGINT NOT NULL,
    provider_id VARCHAR NOT NULL,    -- the API's own name of the call
    batch BOOLEAN NOT NULL
);

-- What is reserved before a call and settled after it; one that was never settled stays spent.
CREATE TABLE model_spending (
    reservation_id VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,
    day VARCHAR NOT NULL,            -- UTC
    amount_nano BIGINT NOT NULL
);

-- A file that waits for what the world did not give yet is no fault.
CREATE OR REPLACE VIEW quarantine AS
SELECT l.processor, f.source, f.path, f."user", f.session, q."offset", q.length_bytes, q.reason, q.detail,
       q.kept, 'line' AS kind, 0 AS attempts, NULL::BIGINT AS try_again_at_us
FROM raw.quarantine_lines q
JOIN ledger l ON l.generation = q.generation
JOIN files f ON f.file_id = l.file_id
UNION ALL
SELECT l.processor, f.source, f.path, f."user", f.session, l.committed_bytes, NULL, l.reason, l.error,
       false, l.status, l.attempts, l.try_again_at_us
FROM ledger l JOIN files f ON f.file_id = l.file_id
WHERE l.status NOT IN ('ok', 'waiting');
