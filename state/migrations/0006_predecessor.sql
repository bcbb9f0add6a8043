-- What the predecessor's database said, for those who switch over: an archive that
-- state/predecessor.py fills and nothing else reads or changes.

-- A column is filled from theirs of the same name, NULL where they have none; <name>_us from their
-- time <name>, in microseconds since 1970 UTC. What has no column here, or a value that its column
-- cannot hold, is in `other`, one JSON object.
CREATE TABLE predecessor_states (
    processor_name VARCHAR NOT NULL,
    session_file VARCHAR NOT NULL,
    username VARCHAR,
    processed_at_us BIGINT,
    items_extracted BIGINT,
    file_hash VARCHAR,
    other VARCHAR
);

CREATE TABLE predecessor_events (
    id VARCHAR NOT NULL,
    session_id VARCHAR,
    session_file VARCHAR,
    username VARCHAR,
    user_id VARCHAR,
    event_uuid VARCHAR,
    parent_uuid VARCHAR,
    event_type VARCHAR,
    tool_name VARCHAR,
    skill_name VARCHAR,
    subagent_type VARCHAR,
    command_name VARCHAR,
    is_error BOOLEAN,
    source VARCHAR,
    ref_id VARCHAR,
    model VARCHAR,
    cwd VARCHAR,
    occurred_at_us BIGINT,
    processor_version BIGINT,
    extracted_at_us BIGINT,
    friction_tags VARCHAR,
    other VARCHAR
);

CREATE TABLE predecessor_sessions (
    session_file VARCHAR NOT NULL,
    session_id VARCHAR,
    username VARCHAR,
    user_id VARCHAR,
    primary_model VARCHAR,
    started_at_us BIGINT,
    ended_at_us BIGINT,
    wall_seconds BIGINT,
    active_seconds BIGINT,
    user_messages BIGINT,
    assistant_messages BIGINT,
    tool_calls BIGINT,
    tool_errors BIGINT,
    skill_invocations BIGINT,
    subagent_dispatches BIGINT,
    mcp_calls BIGINT,
    slash_commands BIGINT,
    distinct_tools BIGINT,
    distinct_skills BIGINT,
    input_tokens BIGINT,
    output_tokens BIGINT,
    cache_read_tokens BIGINT,
    cache_creation_tokens BIGINT,
    uploaded_at_us BIGINT,
    processor_version BIGINT,
    extracted_at_us BIGINT,
    other VARCHAR
);

-- Items, and everything that hangs on them: `kind` is the table a row comes from, `row_key` its primary
-- key there as JSON.
CREATE TABLE predecessor_knowledge (
    kind VARCHAR NOT NULL,
    row_key VARCHAR NOT NULL,
    item_id VARCHAR,
    title VARCHAR,
    content VARCHAR,
    category VARCHAR,
    status VARCHAR,
    confidence DOUBLE,
    source_type VARCHAR,
    source_ref VARCHAR,
    source_user VARCHAR,
    audience VARCHAR,
    is_personal BOOLEAN,
    created_at_us BIGINT,
    updated_at_us BIGINT,
    other VARCHAR
);

-- Every session file that a state, an event or a summary names (not the events of their server, nor
-- their mark for a rollup), and where it is with us: 'ours' if the file is in the ledger with rows,
-- 'elsewhere' if a file with the same id in its name is, under another path; NULL if nowhere.
CREATE VIEW predecessor_session_files AS
WITH named AS (
    SELECT session_file, username, NULL AS session_id FROM predecessor_states
    WHERE session_file <> '__rollup__'
    UNION ALL
    SELECT session_file, username, session_id FROM predecessor_events
    WHERE source IS DISTINCT FROM 'server' AND session_file IS NOT NULL
    UNION ALL
    SELECT session_file, username, session_id FROM predecessor_sessions
), theirs AS (
    SELECT session_file, min(username) AS username, min(session_id) AS session_id,
           nullif(regexp_extract(session_file, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}'), '') AS uuid
    FROM named GROUP BY session_file
), files_with_rows AS (
    SELECT regexp_replace(path, '\.(gz|zst)$', '') AS path,
           regexp_extract(path, '[^/]*$') AS name
    FROM files SEMI JOIN (SELECT file_id FROM ledger WHERE generation > 0) USING (file_id)
), paths AS (
    SELECT DISTINCT path FROM files_with_rows
), uuids AS (
    SELECT DISTINCT regexp_extract(name, '[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}') AS uuid
    FROM files_with_rows
)
SELECT t.session_file, t.username, t.session_id,
       CASE WHEN p.path IS NOT NULL THEN 'ours' WHEN u.uuid IS NOT NULL THEN 'elsewhere' END AS found
FROM theirs t
LEFT JOIN paths p ON p.path = t.session_file
LEFT JOIN uuids u ON u.uuid = t.uuid;

-- Sessions of which only the archive knows. Figures are the predecessor's, counted its way.
CREATE VIEW predecessor_only_sessions AS
WITH counted AS (
    SELECT session_file, count(*) AS events, count(*) FILTER (is_error) AS error_events
    FROM predecessor_events GROUP BY session_file
)
SELECT f.session_file, coalesce(s.session_id, f.session_id) AS session_id, f.username, s.user_id,
       s.primary_model, s.started_at_us, s.ended_at_us, s.wall_seconds, s.active_seconds,
       s.user_messages, s.assistant_messages, s.tool_calls, s.tool_errors, s.input_tokens,
       s.output_tokens, s.cache_read_tokens, s.cache_creation_tokens,
       coalesce(c.events, 0) AS events, coalesce(c.error_events, 0) AS error_events
FROM predecessor_session_files f
LEFT JOIN predecessor_sessions s USING (session_file)
LEFT JOIN counted c USING (session_file)
WHERE f.found IS NULL;
