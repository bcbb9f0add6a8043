-- Usage messages counted once, and their sums. Derived from the rows of the usage processors by
-- state/usage/tally.py, so any of it can be dropped and is made again.

-- One row per API message. `id` and `request` are what its copies share; the tokens are those of
-- the copy that won, which lies at winner_file_id and winner_offset; user, session, path and time
-- are those of the earliest copy. `file_ids` are all files that hold a copy.
CREATE TABLE usage_counted (
    id VARCHAR NOT NULL,
    request VARCHAR,
    quarter BIGINT,
    at_us BIGINT,
    agent VARCHAR NOT NULL,
    model VARCHAR,
    source VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    "offset" BIGINT NOT NULL,
    seq INTEGER NOT NULL,
    winner_file_id INTEGER NOT NULL,
    winner_offset BIGINT NOT NULL,
    winner_seq INTEGER NOT NULL,
    copies BIGINT NOT NULL,
    file_ids INTEGER[] NOT NULL,
    final BOOLEAN NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    cache_write_tokens BIGINT NOT NULL,
    cache_write_5m_tokens BIGINT,
    cache_write_1h_tokens BIGINT,
    cache_read_tokens BIGINT NOT NULL,
    reasoning_tokens BIGINT NOT NULL,
    web_search_requests BIGINT NOT NULL,
    service_tier VARCHAR,
    speed VARCHAR,
    geo VARCHAR,
    reported_cost_nano BIGINT,
    cost_nano BIGINT NOT NULL,
    cost_origin VARCHAR NOT NULL,
    price_id BIGINT,
    cwd VARCHAR,
    git_branch VARCHAR,
    agent_version VARCHAR,
    agent_id VARCHAR,
    sidechain BOOLEAN NOT NULL,
    attributed_skill VARCHAR,
    attributed_plugin VARCHAR,
    attributed_mcp_server VARCHAR,
    attributed_mcp_tool VARCHAR,
    attributed_agent VARCHAR
);

-- Sums per quarter of an hour, because every offset of a time zone is a multiple of one: what
-- reports by day, week, month, model and user are added up from, however many messages there are.
-- Many absurd messages together need more than 64 bits.
CREATE TABLE usage_quarters (
    quarter BIGINT,
    "user" VARCHAR NOT NULL,
    agent VARCHAR NOT NULL,
    model VARCHAR,
    messages BIGINT NOT NULL,
    final_messages BIGINT NOT NULL,
    unpriced_messages BIGINT NOT NULL,
    input_tokens HUGEINT NOT NULL,
    output_tokens HUGEINT NOT NULL,
    cache_write_tokens HUGEINT NOT NULL,
    cache_read_tokens HUGEINT NOT NULL,
    cost_nano HUGEINT NOT NULL
);

-- Which bytes of which file are in the two tables above. A file that differs from its ledger entry
-- is still to be counted.
CREATE TABLE usage_tallied (
    processor VARCHAR NOT NULL,
    file_id INTEGER NOT NULL,
    generation BIGINT NOT NULL,
    committed_bytes BIGINT NOT NULL
);

-- By what rules they were made: one row, absent before the first time.
CREATE TABLE usage_rules (digest VARCHAR NOT NULL);
