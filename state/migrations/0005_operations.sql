-- What running the service for a team leaves: who may ask, who did what, what ran when. None of it
-- follows from session files, so nothing rebuilds it. Written by state/operations alone.

-- Tokens by the digest of their text; the text itself is shown once and kept nowhere.
CREATE TABLE tokens (
    token_id VARCHAR NOT NULL,
    name VARCHAR NOT NULL,
    role VARCHAR NOT NULL,           -- admin, analyst or metrics
    person VARCHAR,                  -- whose sessions an analyst sees
    digest BLOB NOT NULL,            -- SHA-256
    created_at_us BIGINT NOT NULL,
    created_by VARCHAR NOT NULL,
    expires_at_us BIGINT,
    revoked_at_us BIGINT,
    last_used_at_us BIGINT           -- at most ten minutes behind while the service runs
);

-- One row for every run and every change, however it ended. Append-only.
CREATE TABLE audit (
    audit_id VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,           -- when it began
    actor VARCHAR NOT NULL,
    role VARCHAR NOT NULL,
    action VARCHAR NOT NULL,
    resource VARCHAR NOT NULL,
    params VARCHAR NOT NULL,         -- a JSON object
    result VARCHAR NOT NULL,         -- ok, failed, refused or error
    duration_us BIGINT NOT NULL,
    client_ip VARCHAR,
    client_kind VARCHAR NOT NULL,    -- scheduler, token, browser, socket, command, development
    correlation_id VARCHAR NOT NULL
);

-- Runs of jobs and rescans; one that has no end when the service starts was interrupted.
CREATE TABLE runs (
    run_id VARCHAR NOT NULL,
    job VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    params VARCHAR NOT NULL,
    started_at_us BIGINT NOT NULL,
    ended_at_us BIGINT,
    state VARCHAR NOT NULL,          -- running, ok, failed, error or interrupted
    details VARCHAR NOT NULL         -- a JSON object
);

-- When the scheduler last ran a job, whatever became of it.
CREATE TABLE last_runs (job VARCHAR NOT NULL, at_us BIGINT NOT NULL);

-- Processors that an operator has paused.
CREATE TABLE paused (processor VARCHAR NOT NULL, by_whom VARCHAR NOT NULL, at_us BIGINT NOT NULL);

-- People and the names they go by: folder names, accounts, e-mail addresses, ids of other systems.
CREATE TABLE people (person VARCHAR NOT NULL, created_at_us BIGINT NOT NULL);
CREATE TABLE aliases (alias VARCHAR NOT NULL, person VARCHAR NOT NULL, set_at_us BIGINT NOT NULL);

-- Who was erased: nothing of theirs is read again until an operator lifts it. One row for each name
-- they went by, of which only the SHA-256 is kept.
CREATE TABLE erased (
    person VARCHAR NOT NULL,
    name_digest VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,
    by_whom VARCHAR NOT NULL
);

-- Rows that retention took: the rows of this generation are missing from this table on purpose.
CREATE TABLE retired (table_name VARCHAR NOT NULL, generation BIGINT NOT NULL);

-- Erasures whose bytes are still in this file, behind what anybody can ask for: DuckDB overwrites
-- nothing. A rewritten file (state/compacting.py) has none of them.
CREATE TABLE uncompacted (since_us BIGINT NOT NULL);

-- How often rows or names were changed by something else than a commit (state/amending.py).
CREATE TABLE amended (times BIGINT NOT NULL);
INSERT INTO amended VALUES (0);

-- What came over HTTP: of each key the last upload, and all of the last day.
CREATE TABLE uploads (
    upload_id VARCHAR NOT NULL,
    at_us BIGINT NOT NULL,
    actor VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,         -- whose folder it went to
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    outcome VARCHAR NOT NULL,        -- created, appended, replaced or unchanged
    size_bytes BIGINT NOT NULL,      -- of the whole file
    added_bytes BIGINT NOT NULL,
    complete_bytes BIGINT NOT NULL,  -- up to the last newline
    digest VARCHAR NOT NULL          -- SHA-256 of the whole file
);
