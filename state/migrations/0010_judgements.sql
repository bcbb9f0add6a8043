-- What a language model says of two items that may contradict each other: advice for whoever settles
-- them, which changes nothing. Added to by state/memory/judging.py alone; of several the last one holds,
-- and only for the words it was given. Goes when a person is erased, or an item has another id.
CREATE TABLE knowledge_judgements (
    left_id VARCHAR NOT NULL,        -- the smaller id first
    right_id VARCHAR NOT NULL,
    said VARCHAR NOT NULL,           -- a digest of the two statements as they were judged
    verdict VARCHAR NOT NULL,        -- contradicts, supersedes, both_hold, same or unclear
    newer VARCHAR NOT NULL,          -- of "supersedes" the item that would stand
    reason VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    request_hash VARCHAR NOT NULL,   -- what was sent and answered, as long as that is kept
    at_us BIGINT NOT NULL
);
