-- Keeps the counted messages and their sums up to what the ledger says is committed.
--
-- The rule: what must be done is found by comparing `usage_tallied` with the ledger, so nothing has
-- to be told and nothing can be missed; and all of it is one transaction.

-- name: changed
-- Files whose committed bytes are not counted as they are, and from which byte on they are new.
CREATE OR REPLACE TEMP TABLE changed AS
SELECT
    l.processor, l.file_id, l.generation, l.committed_bytes, l.dialect,
    CASE WHEN s.generation = l.generation THEN s.committed_bytes ELSE 0 END AS tallied_bytes,
    s.generation <> l.generation AS replaced
FROM ledger l
LEFT JOIN usage_tallied s ON s.processor = l.processor AND s.file_id = l.file_id
WHERE l.processor IN ('usage', 'usage_documents')
  AND l.generation > 0
  AND (s.generation IS DISTINCT FROM l.generation
       OR s.committed_bytes IS DISTINCT FROM l.committed_bytes)

-- name: changed_dialects
-- What wrote the changed files, and whether a file of lines was replaced: nothing says any more what
-- had written that one.
SELECT DISTINCT dialect, coalesce(replaced, false) AND processor = 'usage' FROM changed

-- name: forget
-- Nothing is counted any more.
DELETE FROM usage_counted;
DELETE FROM usage_quarters;
DELETE FROM usage_tallied;
DELETE FROM usage_rules

-- name: dirty
-- The ids whose copies changed: new ones, those that a replaced file had, and all of an agent whose
-- copies are found in all its files together.
CREATE OR REPLACE TEMP TABLE dirty AS
SELECT copies.id
FROM copies JOIN changed USING (file_id)
WHERE copies."offset" >= changed.tallied_bytes
UNION
SELECT id FROM copies WHERE agent IN ({agents})
UNION
SELECT id FROM usage_counted WHERE agent IN ({agents})
UNION
SELECT id
FROM (SELECT id, unnest(file_ids) AS file_id FROM usage_counted) JOIN changed USING (file_id)
WHERE replaced

-- name: forget_dirty
-- The quarters of what goes and of what comes, then what goes.
CREATE OR REPLACE TEMP TABLE touched AS
SELECT quarter FROM usage_counted WHERE id IN (SELECT id FROM dirty)
UNION
SELECT quarter FROM fresh;
DELETE FROM usage_counted WHERE id IN (SELECT id FROM dirty)

-- name: insert_priced
INSERT INTO usage_counted BY NAME
WITH messages AS (SELECT * FROM fresh) {priced}
SELECT * FROM priced

-- name: differences
-- Messages whose tally is not what their copies say now.
SELECT id FROM (
    SELECT id, request, at_us, source, path, "offset", seq, winner_file_id, winner_offset, copies,
           final, agent, model, "user", session,
           input_tokens, output_tokens, cache_write_tokens, cache_read_tokens
    FROM fresh
    EXCEPT ALL
    SELECT id, request, at_us, source, path, "offset", seq, winner_file_id, winner_offset, copies,
           final, agent, model, "user", session,
           input_tokens, output_tokens, cache_write_tokens, cache_read_tokens
    FROM usage_counted {which}
)
UNION
(SELECT id FROM usage_counted {which} EXCEPT SELECT id FROM fresh)
ORDER BY id
LIMIT 1000

-- name: wrong_sums
-- Sums that are not those of the counted messages.
SELECT DISTINCT concat('sum of ', "user", ' in quarter ', quarter)
FROM (
    (FROM usage_quarters EXCEPT ALL ({sums} FROM usage_counted GROUP BY ALL))
    UNION ALL
    (({sums} FROM usage_counted GROUP BY ALL) EXCEPT ALL FROM usage_quarters)
) AS wrong (quarter, "user")
ORDER BY ALL
LIMIT 1000

-- name: all_quarters
INSERT INTO usage_quarters {sums} FROM usage_counted GROUP BY ALL

-- name: touched_quarters
-- Undated messages have no quarter; -1 stands for it in comparisons only.
DELETE FROM usage_quarters
WHERE coalesce(quarter, -1) IN (SELECT coalesce(quarter, -1) FROM touched);
INSERT INTO usage_quarters {sums}
FROM usage_counted
WHERE coalesce(quarter, -1) IN (SELECT coalesce(quarter, -1) FROM touched)
GROUP BY ALL

-- name: sums
SELECT
    quarter, "user", agent,
    CASE WHEN speed = 'fast' THEN model || '-fast' ELSE model END,
    count(*),
    count(*) FILTER (final),
    count(*) FILTER (cost_origin = 'unpriced'),
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost_nano)

-- name: remember
DELETE FROM usage_tallied
USING changed
WHERE usage_tallied.processor = changed.processor AND usage_tallied.file_id = changed.file_id;
INSERT INTO usage_tallied SELECT processor, file_id, generation, committed_bytes FROM changed
