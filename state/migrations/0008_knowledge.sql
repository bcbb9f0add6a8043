-- What the team knows, who said so and who decided what. Written by state/memory alone.
--
-- Only three tables are ever changed: `knowledge_items` holds where each item stands now,
-- `knowledge_relations` follows from the items' words, and groups are as an operator says. All others
-- are added to, and only the erasure of a person takes from them. Lists are JSON texts.

CREATE TABLE knowledge_items (
    item_id VARCHAR NOT NULL,        -- a digest of the words it was first said in and their scope
    statement VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    owner VARCHAR NOT NULL,          -- who contributed it
    scope VARCHAR NOT NULL,
    category VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    tags VARCHAR NOT NULL,
    entities VARCHAR NOT NULL,
    personal BOOLEAN NOT NULL,
    audience VARCHAR NOT NULL,       -- groups; none: everyone
    state VARCHAR NOT NULL,
    approved_by VARCHAR NOT NULL,
    mandate_asked_by VARCHAR NOT NULL,
    mandated_by VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    observed_at_us BIGINT NOT NULL,
    confirmed_at_us BIGINT NOT NULL,
    review_by_us BIGINT,
    valid_until_us BIGINT,
    superseded_by VARCHAR NOT NULL,
    rejected VARCHAR NOT NULL,       -- the claim that its author said was wrong
    source_type VARCHAR NOT NULL,    -- user_verification, claude_local_md or contribution
    edited BOOLEAN NOT NULL,         -- its contents are a person's and follow evidence no more
    created_at_us BIGINT NOT NULL,
    updated_at_us BIGINT NOT NULL
);

-- One place where a person said it. `said` is the statement made of it, `turn` names the prompt.
CREATE TABLE knowledge_evidence (
    evidence_id VARCHAR NOT NULL,
    item_id VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,
    session VARCHAR NOT NULL,
    turn VARCHAR NOT NULL,
    said VARCHAR NOT NULL,
    quote VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,           -- correction, definition, confirmation or note
    extractor VARCHAR NOT NULL,      -- rules, model or person
    title VARCHAR NOT NULL,
    domain VARCHAR NOT NULL,
    rejected VARCHAR NOT NULL,
    valid_until_us BIGINT,           -- if the person said so
    source VARCHAR NOT NULL,         -- the file: source and path
    path VARCHAR NOT NULL,
    line_offset BIGINT,              -- where the prompt's line starts in it, in bytes
    quote_start BIGINT,              -- characters in the prompt
    quote_end BIGINT,
    observed_at_us BIGINT NOT NULL,  -- when it was said
    recorded_at_us BIGINT NOT NULL,
    exposed BOOLEAN NOT NULL         -- the session had been shown the item
);

-- How two items stand to each other by their words, the smaller id first.
CREATE TABLE knowledge_relations (
    left_id VARCHAR NOT NULL,
    right_id VARCHAR NOT NULL,
    kind VARCHAR NOT NULL,           -- same, similar, conflict or supersedes
    score DOUBLE NOT NULL,
    differences VARCHAR NOT NULL,
    newer VARCHAR NOT NULL,
    found_at_us BIGINT NOT NULL
);

-- Contradictions that a person has named; those found are relations.
CREATE TABLE knowledge_contradictions (
    left_id VARCHAR NOT NULL,
    right_id VARCHAR NOT NULL,
    explanation VARCHAR NOT NULL,
    severity VARCHAR,
    suggested_resolution VARCHAR,
    by_whom VARCHAR NOT NULL,
    at_us BIGINT NOT NULL
);

-- What a person decided about a pair. `settled`: never to be related again.
CREATE TABLE knowledge_settlements (
    left_id VARCHAR NOT NULL,
    right_id VARCHAR NOT NULL,
    about VARCHAR NOT NULL,          -- conflict or duplicate
    choice VARCHAR NOT NULL,
    settled BOOLEAN NOT NULL,
    counts_for VARCHAR NOT NULL,     -- pairs of ids: the evidence of one counts for the other
    by_whom VARCHAR NOT NULL,
    at_us BIGINT NOT NULL
);

-- Of votes and dismissals the last one of somebody holds.
CREATE TABLE knowledge_votes (
    item_id VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,
    vote INTEGER NOT NULL,           -- 1, -1 or 0
    at_us BIGINT NOT NULL
);
CREATE TABLE knowledge_dismissals (
    item_id VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,
    dismissed BOOLEAN NOT NULL,
    at_us BIGINT NOT NULL
);

-- Every act on an item: by whom, from which state to which.
CREATE TABLE knowledge_decisions (
    item_id VARCHAR NOT NULL,
    act VARCHAR NOT NULL,
    actor VARCHAR NOT NULL,
    before_state VARCHAR NOT NULL,
    after_state VARCHAR NOT NULL,
    reason VARCHAR NOT NULL,
    fields VARCHAR NOT NULL,         -- names of what else was changed
    at_us BIGINT NOT NULL
);

-- Since when an item is told to somebody's agent: what they then repeat is no evidence of its own.
CREATE TABLE knowledge_deliveries (
    item_id VARCHAR NOT NULL,
    "user" VARCHAR NOT NULL,
    at_us BIGINT NOT NULL
);

-- Who is in which group.
CREATE TABLE knowledge_groups (name VARCHAR NOT NULL, person VARCHAR NOT NULL);
