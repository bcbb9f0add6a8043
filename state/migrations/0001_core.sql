-- The engine's own tables. Processor tables are made from the processors' row types.
CREATE SCHEMA IF NOT EXISTS raw;

-- One row per session file ever seen; file_id keeps keys out of the hot tables.
CREATE TABLE files (
    file_id INTEGER NOT NULL,
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    first_seen_us BIGINT NOT NULL
);

-- One row per (processor, file). No unique index: the single writer's mirror is what keeps it so,
-- and DuckDB indexes on rows that are rewritten have broken under kills.
CREATE TABLE ledger (
    processor VARCHAR NOT NULL,
    file_id INTEGER NOT NULL,
    generation BIGINT NOT NULL,
    committed_bytes BIGINT NOT NULL,
    blocks BLOB NOT NULL,
    processor_version INTEGER NOT NULL,
    dialect VARCHAR NOT NULL,
    device UBIGINT,
    inode UBIGINT,
    size_bytes BIGINT,
    mtime_ns BIGINT,
    ctime_ns BIGINT,
    settled BOOLEAN NOT NULL,
    unproved_since_us BIGINT,
    committed_at_us BIGINT NOT NULL,
    status VARCHAR NOT NULL,
    attempts INTEGER NOT NULL,
    tried_version INTEGER NOT NULL,
    try_again_at_us BIGINT,
    reason VARCHAR NOT NULL,
    error VARCHAR NOT NULL,
    source_gone BOOLEAN NOT NULL
);

-- Which processor owns which table; a table is never shared.
CREATE TABLE processor_tables (table_name VARCHAR NOT NULL, processor VARCHAR NOT NULL);

-- Line faults are rows like any others: they come and go with their generation.
CREATE TABLE raw.quarantine_lines (
    generation BIGINT NOT NULL,
    "offset" BIGINT NOT NULL,
    seq INTEGER NOT NULL,
    length_bytes BIGINT,
    reason VARCHAR,
    detail VARCHAR,
    kept BOOLEAN
);

-- Everything that is not cleanly in the tables: bad bytes by offset, files that failed by reason.
CREATE VIEW quarantine AS
SELECT l.processor, f.source, f.path, f."user", f.session, q."offset", q.length_bytes, q.reason, q.detail,
       q.kept, 'line' AS kind, 0 AS attempts, NULL::BIGINT AS try_again_at_us
FROM raw.quarantine_lines q
JOIN ledger l ON l.generation = q.generation
JOIN files f ON f.file_id = l.file_id
UNION ALL
SELECT l.processor, f.source, f.path, f."user", f.session, l.committed_bytes, NULL, l.reason, l.error,
       false, l.status, l.attempts, l.try_again_at_us
FROM ledger l JOIN files f ON f.file_id = l.file_id
WHERE l.status <> 'ok';
