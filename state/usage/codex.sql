-- Codex token counts over the rows of the `usage` processor.
--
-- The rule: a line says what it says, and everything that takes two lines is found here, whatever
-- the order in which files arrived. Messages are told apart by the history in front of them in
-- their file, never by a time: a copied history gets new times.
--
-- Each query stands alone; in brackets it is a table.

-- name: codex_copies
-- One row for every token_count that used something, with all columns of `usage_messages`; model
-- and effort are those of its turn, and tokens are filled in where a line has only the running
-- totals. Copies of a message share a `message_id`, and no others do. It is made of
-- - the family: threads that were forked or spawned from each other, named by the first of them,
--   also if that one's file is missing, because a child may open with its parent's history;
-- - the history: the messages of the file up to this one, each known by its tokens and the running
--   totals behind it. A count that repeats both of the one before was only written again.
-- A child may also open with the end of its parent's history. Then its first message has totals
-- that it did not use; where the family has that message, the history in front of it is the same.
WITH RECURSIVE notes AS MATERIALIZED (
    SELECT source, path, "offset", kind, name, nullif(detail, '') AS detail
    FROM usage_events
    WHERE agent = 'codex' AND name <> '' AND kind IN ('model', 'session', 'spawn')
), turns AS (
    SELECT source, path, "offset" AS turn_offset, name AS turn_model, detail AS turn_effort
    FROM notes
    WHERE kind = 'model'
), named AS (
    -- A file names its own thread first, then the ancestors whose lines it repeats.
    SELECT
        source, path, name, min("offset") AS first_offset,
        lead(name) OVER (PARTITION BY source, path ORDER BY min("offset")) AS next_name
    FROM notes
    WHERE kind = 'session'
    GROUP BY source, path, name
), threads AS (
    SELECT source, path, arg_min(name, first_offset) AS thread
    FROM named
    GROUP BY source, path
), parents AS (
    -- The thread forked from knows better than the one that spawned it whose history it is.
    SELECT thread, arg_min(parent, (rank, parent)) AS parent
    FROM (
        SELECT name AS thread, detail AS parent, CASE kind WHEN 'session' THEN 0 ELSE 1 END AS rank
        FROM notes
        WHERE kind <> 'model'
        UNION ALL
        SELECT name, next_name, 2 FROM named
    )
    WHERE parent <> thread
    GROUP BY thread
), descents AS (
    SELECT thread, parent AS ancestor FROM parents
    UNION
    SELECT d.thread, p.parent FROM descents d JOIN parents p ON p.thread = d.ancestor
), families AS (
    -- Named by the ancestor without a parent; threads that name each other in a circle have none.
    SELECT
        d.thread,
        coalesce(min(d.ancestor) FILTER (p.thread IS NULL), min(d.ancestor)) AS family
    FROM descents d LEFT JOIN parents p ON p.thread = d.ancestor
    GROUP BY d.thread
), placed AS (
    -- A file that names no thread is a family of its own.
    SELECT
        m.*, turn_model, turn_effort, thread,
        coalesce(family, thread, concat(m.source, chr(10), m.path)) AS family,
        try_cast(string_split(snapshot, ',') AS BIGINT[]) AS totals
    FROM usage_messages m
    ASOF LEFT JOIN turns
        ON turns.source = m.source AND turns.path = m.path AND turn_offset <= m."offset"
    LEFT JOIN threads ON threads.source = m.source AND threads.path = m.path
    LEFT JOIN families USING (thread)
    WHERE agent = 'codex'
), compared AS (
    SELECT
        *,
        coalesce(model, turn_model, last_value(model IGNORE NULLS) OVER earlier) AS known_model,
        lag(totals IGNORE NULLS) OVER earlier AS before
    FROM placed
    WINDOW earlier AS (PARTITION BY source, path ORDER BY "offset", seq)
), subtracted AS (
    -- What went by since the snapshot before; totals that have shrunk began again at zero.
    SELECT
        * EXCLUDE (before),
        CASE WHEN before[6] <= totals[6] THEN before ELSE [0, 0, 0, 0, 0, 0] END AS base,
        greatest(totals[1] - base[1], 0) AS every,
        greatest(least(totals[2] - base[2], every), 0) AS read,
        greatest(least(totals[3] - base[3], every - read), 0) AS written
    FROM compared
), filled AS (
    SELECT * REPLACE (
        CASE WHEN snapshot_only THEN every - read - written ELSE input_tokens END AS input_tokens,
        CASE WHEN snapshot_only THEN written ELSE cache_write_tokens END AS cache_write_tokens,
        CASE WHEN snapshot_only THEN read ELSE cache_read_tokens END AS cache_read_tokens,
        CASE WHEN snapshot_only THEN greatest(totals[4] - base[4], 0) ELSE output_tokens END
            AS output_tokens,
        CASE WHEN snapshot_only THEN greatest(totals[5] - base[5], 0) ELSE reasoning_tokens END
            AS reasoning_tokens
    )
    FROM subtracted
), used AS (
    SELECT
        *,
        concat_ws(
            ',', input_tokens, cache_write_tokens, cache_read_tokens, output_tokens,
            reasoning_tokens, snapshot
        ) AS content
    FROM filled
    WHERE greatest(
        input_tokens, cache_write_tokens, cache_read_tokens, output_tokens, reasoning_tokens
    ) > 0
), told AS (
    SELECT
        *,
        snapshot IS NULL OR content IS DISTINCT FROM lag(content) OVER earlier AS is_new
    FROM used
    WINDOW earlier AS (PARTITION BY source, path ORDER BY "offset", seq)
), counted AS (
    SELECT *, count(*) FILTER (is_new) OVER earlier AS step
    FROM told
    WINDOW earlier AS (PARTITION BY source, path ORDER BY "offset", seq)
), chained AS (
    -- Totals say where in a history a message stands; without them its number has to.
    SELECT
        *,
        md5_number_lower(concat_ws(' ', content, CASE WHEN snapshot IS NULL THEN step END))::HUGEINT
            AS link,
        sum(CASE WHEN is_new THEN link ELSE 0 END) OVER earlier AS chain
    FROM counted
    WINDOW earlier AS (PARTITION BY source, path ORDER BY "offset", seq)
), openings AS (
    -- First messages with totals that they did not use, in families of more than one thread.
    SELECT source, path, family, content
    FROM chained JOIN (SELECT DISTINCT family FROM families) USING (family)
    WHERE step = 1 AND is_new
      AND totals[1]::HUGEINT + totals[4]
          > input_tokens::HUGEINT + cache_write_tokens + cache_read_tokens + output_tokens
), ends AS (
    SELECT
        o.source, o.path,
        arg_max(
            {'source': c.source, 'path': c.path, 'step': c.step - 1, 'chain': c.chain - c.link},
            (c.step, c.chain, c.source, c.path)
        ) AS onto
    FROM openings o JOIN chained c ON c.family = o.family AND c.content = o.content
    WHERE c.step > 1 AND c.is_new AND (c.source, c.path) <> (o.source, o.path)
    GROUP BY o.source, o.path
), joints AS (
    -- That file may itself open with the end of another's history, and so on.
    SELECT source, path, onto, onto.step AS step, onto.chain AS chain, 1 AS depth FROM ends
    UNION ALL
    SELECT j.source, j.path, e.onto, j.step + e.onto.step, j.chain + e.onto.chain, depth + 1
    FROM joints j JOIN ends e ON e.source = j.onto.source AND e.path = j.onto.path
    WHERE depth < 16
), histories AS (
    SELECT source, path, max(step) AS earlier_steps, arg_max(chain, depth) AS earlier_chain
    FROM joints
    GROUP BY source, path
)
SELECT
    * EXCLUDE (
        turn_model, turn_effort, thread, family, totals, known_model, base, every, read, written,
        content, is_new, step, link, chain, earlier_steps, earlier_chain
    ) REPLACE (
        md5(concat_ws(
            chr(10), family, step + coalesce(earlier_steps, 0), chain + coalesce(earlier_chain, 0),
            content
        )) AS message_id,
        coalesce(session_id, thread) AS session_id,
        known_model AS model,
        coalesce(effort, turn_effort) AS effort
    )
FROM chained LEFT JOIN histories USING (source, path)

-- name: ccusage_codex_daily
-- What `ccusage codex daily` (20.0) counts, by day of the chosen time zone and model: counts whose
-- running totals are not those of the count before, and of those every different (time, model,
-- tokens) once. A forked or spawned thread's counts are left out as long as they are those of its
-- parent before the fork, one by one; if the very first is not, or there is no file of the parent,
-- as long as they follow each other within a second, from the first on. A file below
-- archived_sessions/ yields to one of the same path below sessions/. Lines without a time get that
-- of the file there and are undated here; what went to the cache is input.
WITH notes AS MATERIALIZED (
    SELECT source, path, "offset", kind, name, nullif(detail, '') AS detail, at_us
    FROM usage_events
    WHERE agent = 'codex' AND name <> '' AND kind IN ('model', 'session', 'spawn')
), turns AS (
    SELECT source, path, "offset" AS turn_offset, name AS turn_model FROM notes WHERE kind = 'model'
), files AS (
    SELECT DISTINCT source, path FROM usage_messages WHERE agent = 'codex'
), shadowed AS (
    SELECT source, path
    FROM files a
    WHERE regexp_matches(path, '(^|/)archived_sessions/') AND EXISTS (
        FROM files s
        WHERE s.source = a.source
          AND s.path = regexp_replace(a.path, '(^|/)archived_sessions/', '\1sessions/')
    )
), threads AS (
    SELECT
        source, path,
        arg_min(name, "offset") AS thread,
        arg_min(at_us, "offset") AS started_us,
        -- Of the first line only; what it was forked from comes first.
        arg_min(parent, ("offset", kind)) FILTER (parent IS NOT NULL AND "offset" = first_offset)
            AS parent
    FROM (
        SELECT n.*, detail AS parent, min("offset") OVER (PARTITION BY source, path) AS first_offset
        FROM notes n ANTI JOIN shadowed USING (source, path)
        WHERE kind <> 'model'
    )
    GROUP BY source, path
), parents AS (
    SELECT
        c.source, c.path, c.started_us,
        arg_min({'source': p.source, 'path': p.path}, (p.source, p.path))
            FILTER (p.path IS NOT NULL) AS parent
    FROM threads c
    LEFT JOIN threads p ON p.thread = c.parent AND (p.source, p.path) <> (c.source, c.path)
    WHERE c.parent IS NOT NULL
    GROUP BY c.source, c.path, c.started_us
), placed AS (
    SELECT
        m.*, turn_model, turn_offset,
        try_cast(string_split(snapshot, ',') AS BIGINT[]) AS totals
    FROM usage_messages m
    ASOF LEFT JOIN turns
        ON turns.source = m.source AND turns.path = m.path AND turn_offset <= m."offset"
    ANTI JOIN shadowed ON shadowed.source = m.source AND shadowed.path = m.path
    WHERE agent = 'codex' AND (at_us IS NOT NULL OR snapshot IS NULL)
), compared AS (
    SELECT
        *,
        lag(totals IGNORE NULLS) OVER earlier AS before,
        last_value(CASE WHEN model IS NOT NULL THEN {'model': model, 'offset': "offset"} END
            IGNORE NULLS) OVER earlier AS own,
        first_value(at_us) OVER file AS first_us,
        nth_value(at_us, 2) OVER file - first_us BETWEEN 0 AND 1000000 AS is_burst
    FROM placed
    WINDOW
        earlier AS (PARTITION BY source, path ORDER BY "offset", seq),
        file AS (
            PARTITION BY source, path ORDER BY "offset", seq
            ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING
        )
), read AS (
    SELECT
        source, path, "offset", seq, at_us, first_us, coalesce(is_burst, false) AS is_burst,
        CASE
            WHEN own.offset > turn_offset OR turn_offset IS NULL THEN coalesce(own.model, 'gpt-5')
            ELSE turn_model
        END AS logged_model,
        CASE WHEN snapshot_only THEN greatest(totals[1] - coalesce(before[1], 0), 0)
            ELSE input_tokens::HUGEINT + cache_write_tokens + cache_read_tokens END AS every,
        CASE WHEN snapshot_only THEN least(greatest(totals[2] - coalesce(before[2], 0), 0), every)
            ELSE cache_read_tokens END AS cached,
        CASE WHEN snapshot_only THEN greatest(totals[4] - coalesce(before[4], 0), 0)
            ELSE output_tokens END AS output,
        CASE WHEN snapshot_only THEN greatest(totals[5] - coalesce(before[5], 0), 0)
            ELSE reasoning_tokens END AS reasoning
    FROM compared
    WHERE totals IS NULL OR totals IS DISTINCT FROM before
), numbered AS (
    SELECT
        *,
        row_number() OVER earlier AS number,
        at_us - coalesce(lag(at_us) OVER earlier, first_us) BETWEEN 0 AND 1000000 AS is_close
    FROM read
    WHERE greatest(every, cached, output, reasoning) > 0
    WINDOW earlier AS (PARTITION BY source, path ORDER BY "offset", seq)
), matched AS (
    SELECT
        c.*, parents.path IS NOT NULL AS is_child,
        coalesce(
            (p.every, p.cached, p.output, p.reasoning) = (c.every, c.cached, c.output, c.reasoning),
            false
        ) AS is_parents
    FROM numbered c
    LEFT JOIN parents ON parents.source = c.source AND parents.path = c.path
    LEFT JOIN (
        SELECT *, max(at_us) OVER (PARTITION BY source, path ORDER BY number) AS latest_us
        FROM numbered
    ) p
        ON p.source = parents.parent.source AND p.path = parents.parent.path
        AND p.number = c.number AND p.latest_us <= coalesce(started_us, p.latest_us)
), judged AS (
    SELECT
        *,
        CASE
            WHEN NOT is_child THEN false
            WHEN first_value(is_parents) OVER earlier
                THEN count(*) FILTER (NOT is_parents) OVER earlier = 0
            ELSE is_burst AND count(*) FILTER (is_close IS NOT TRUE) OVER earlier = 0
        END AS is_replayed
    FROM matched
    WINDOW earlier AS (PARTITION BY source, path ORDER BY "offset", seq)
), counted AS (
    SELECT DISTINCT
        at_us, every, cached, output, reasoning,
        -- A reviewing model has no public name; it counts as the newest one of its day.
        CASE WHEN logged_model <> 'codex-auto-review' THEN logged_model
            ELSE CASE
                WHEN at_us >= epoch_us(TIMESTAMP '2026-07-30') THEN 'gpt-5.6-luna'
                WHEN at_us >= epoch_us(TIMESTAMP '2026-03-05') THEN 'gpt-5.4'
                WHEN at_us >= epoch_us(TIMESTAMP '2026-02-05') THEN 'gpt-5.3-codex'
                WHEN at_us >= epoch_us(TIMESTAMP '2025-12-11') THEN 'gpt-5.2-codex'
                WHEN at_us >= epoch_us(TIMESTAMP '2025-11-13') THEN 'gpt-5.1-codex'
                WHEN at_us >= epoch_us(TIMESTAMP '2025-09-15') THEN 'gpt-5-codex'
                ELSE 'gpt-5'
            END
        END AS model
    FROM judged
    WHERE NOT is_replayed
)
SELECT
    coalesce(
        strftime(timezone($timezone, make_timestamptz(at_us)), '%Y-%m-%d'), 'undated'
    ) AS date,
    model,
    sum(every - cached) AS input_tokens,
    sum(cached) AS cache_read_tokens,
    sum(output) AS output_tokens,
    sum(reasoning) AS reasoning_tokens,
    -- Requests with so much input cost more.
    every > $large_tokens AS is_large
FROM counted
GROUP BY ALL
ORDER BY date, model, is_large
