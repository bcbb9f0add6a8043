-- What ccusage 20.0.24 counts in Claude Code transcripts, by its own rules and arithmetic.
--
-- The rule: this follows ccusage, not reason, and serves its compatibility reports alone. Copies
-- are taken in the order in which ccusage reads them: by path, then as they stand in the file.
--
-- `seen` and `counted` are beginnings of queries; ccusage.py puts them before one.

-- name: models
-- The names that need a price.
SELECT DISTINCT model
FROM usage_messages
WHERE ccusage <> '' AND model IS NOT NULL AND path LIKE '%.jsonl'

-- name: seen
-- Every copy that the counting looks at (in files that ccusage would find), with its place in ccusage's reading order, its session and
-- project as ccusage takes them from the path, and its cost: that of the agent, if it told one, else
-- the price of each class, added up in ccusage's order, as floats.
WITH prices AS (
    SELECT
        unnest($models::VARCHAR[]) AS model,
        unnest($input::DOUBLE[]) AS input,
        unnest($output::DOUBLE[]) AS output,
        unnest($cache_write::DOUBLE[]) AS write_5m,
        unnest($cache_write_1h::DOUBLE[]) AS write_1h,
        unnest($cache_read::DOUBLE[]) AS read,
        unnest($input_above::DOUBLE[]) AS input_above,
        unnest($output_above::DOUBLE[]) AS output_above,
        unnest($cache_write_above::DOUBLE[]) AS write_5m_above,
        unnest($cache_write_1h_above::DOUBLE[]) AS write_1h_above,
        unnest($cache_read_above::DOUBLE[]) AS read_above,
        unnest($threshold::BIGINT[]) AS threshold,
        unnest($fast::DOUBLE[]) AS fast
), paths AS (
    SELECT DISTINCT source, path, string_split(path, '/') AS parts
    FROM usage_messages
    WHERE ccusage <> '' AND path LIKE '%.jsonl' AND NOT source_gone
      AND ($user::VARCHAR IS NULL OR split_part(path, '/', 1) = $user::VARCHAR)
      AND ($person::VARCHAR IS NULL OR "user" = $person::VARCHAR)
), files AS (
    SELECT
        source, path,
        parts[1] AS project,
        CASE
            WHEN len(parts) = 2 THEN left(parts[2], -6)
            WHEN len(parts) >= 4 AND parts[-2] = 'subagents' THEN parts[-3]
            WHEN len(parts) = 1 THEN parts[1]
            ELSE parts[-2]
        END AS session,
        CASE
            WHEN len(parts) = 2 THEN parts[1]
            WHEN len(parts) >= 4 AND parts[-2] = 'subagents'
                THEN array_to_string(parts[1:len(parts) - 3], '/')
            WHEN len(parts) > 2 THEN array_to_string(parts[1:len(parts) - 2], '/')
            ELSE 'Unknown Project'
        END AS project_path
    FROM paths
), copies AS (
    SELECT
        m.source, m.path, m."offset", m.seq,
        f.project, f.session, f.project_path,
        m.message_id,
        m.request_id,
        coalesce(m.session_id, f.session) AS claimed,
        m.at_us // 1000 AS at_ms,
        CASE m.ccusage WHEN 'all' THEN m.sidechain ELSE m.ccusage = 'daily_sidechain' END AS side,
        m.speed,
        m.model,
        CASE WHEN m.model <> '<synthetic>' THEN
            CASE WHEN m.speed = 'fast' THEN m.model || '-fast' ELSE m.model END
        END AS label,
        m.input_tokens,
        m.output_tokens,
        m.cache_read_tokens,
        -- Once the tiers are told apart, their sum is what counts, even if it is zero.
        CASE
            WHEN m.cache_write_5m_tokens IS NULL AND m.cache_write_1h_tokens IS NULL
                THEN m.cache_write_tokens
            ELSE coalesce(m.cache_write_5m_tokens, 0)
        END AS write_5m_tokens,
        coalesce(m.cache_write_1h_tokens, 0) AS write_1h_tokens,
        m.cost_nano
    FROM usage_messages m JOIN files f ON f.source = m.source AND f.path = m.path
    WHERE (m.ccusage = 'all' OR ($daily AND m.ccusage IN ('daily', 'daily_sidechain')))
      AND m.at_us IS NOT NULL
), sized AS (
    SELECT
        *,
        write_5m_tokens::HUGEINT + write_1h_tokens AS cache_write_tokens,
        input_tokens::HUGEINT + output_tokens + write_5m_tokens + write_1h_tokens
            + cache_read_tokens AS total_tokens,
        input_tokens::HUGEINT + write_5m_tokens + write_1h_tokens + cache_read_tokens
            AS context_tokens
    FROM copies
), rated AS (
    -- Above its threshold all of a request is dear; without one, each class is, above 200,000.
    SELECT
        s.*,
        p.model IS NOT NULL AS priced,
        CASE WHEN s.speed = 'fast' THEN p.fast ELSE 1.0 END AS multiplier,
        coalesce(s.context_tokens > p.threshold, false) AS dear,
        CASE WHEN p.threshold IS NULL THEN 200000 ELSE 9223372036854775807 END AS tier,
        p.input, p.output, p.write_5m, p.write_1h, p.read,
        coalesce(p.input_above, p.input) AS input_above,
        coalesce(p.output_above, p.output) AS output_above,
        coalesce(p.write_5m_above, p.write_5m) AS write_5m_above,
        coalesce(p.write_1h_above, p.write_1h) AS write_1h_above,
        coalesce(p.read_above, p.read) AS read_above
    FROM sized s LEFT JOIN prices p ON p.model = s.model
), seen AS (
    SELECT
        source, path, "offset", seq, project, session, project_path,
        row_number() OVER (ORDER BY source, path, "offset", seq) AS place,
        message_id, request_id, claimed, at_ms, side, speed, label,
        input_tokens, output_tokens, cache_write_tokens, cache_read_tokens, total_tokens,
        cost_nano IS NULL AND NOT priced AND model IS NOT NULL AND total_tokens > 0 AS unpriced,
        coalesce(
            cost_nano / 1e9,
            (
                CASE WHEN dear THEN input_tokens::DOUBLE * input_above
                WHEN input_tokens > tier AND input_above <> input THEN
                    tier::DOUBLE * input + (input_tokens - tier)::DOUBLE * input_above
                ELSE input_tokens::DOUBLE * input END
                + CASE WHEN dear THEN output_tokens::DOUBLE * output_above
                WHEN output_tokens > tier AND output_above <> output THEN
                    tier::DOUBLE * output + (output_tokens - tier)::DOUBLE * output_above
                ELSE output_tokens::DOUBLE * output END
                + CASE WHEN dear THEN write_5m_tokens::DOUBLE * write_5m_above
                WHEN write_5m_tokens > tier AND write_5m_above <> write_5m THEN
                    tier::DOUBLE * write_5m + (write_5m_tokens - tier)::DOUBLE * write_5m_above
                ELSE write_5m_tokens::DOUBLE * write_5m END
                + CASE WHEN dear THEN write_1h_tokens::DOUBLE * write_1h_above
                WHEN write_1h_tokens > tier AND write_1h_above <> write_1h THEN
                    tier::DOUBLE * write_1h + (write_1h_tokens - tier)::DOUBLE * write_1h_above
                ELSE write_1h_tokens::DOUBLE * write_1h END
                + CASE WHEN dear THEN cache_read_tokens::DOUBLE * read_above
                WHEN cache_read_tokens > tier AND read_above <> read THEN
                    tier::DOUBLE * read + (cache_read_tokens - tier)::DOUBLE * read_above
                ELSE cache_read_tokens::DOUBLE * read END
            ) * multiplier,
            0.0
        ) AS cost
    FROM rated
)

-- name: tangled
-- Copies of messages that have several keys and a copy of a sidechain: which of them are one depends
-- on all that were read before.
, tangled AS (
    SELECT message_id
    FROM seen
    WHERE message_id IS NOT NULL
    GROUP BY message_id
    HAVING bool_or(side) AND (
        min(request_id) <> max(request_id)
        OR count(request_id) NOT IN (0, count(*))
        OR (count(request_id) = 0 AND (
            min(claimed) <> max(claimed) OR ($daily AND min(at_ms) <> max(at_ms))
        ))
    )
)
SELECT message_id, place, request_id, claimed, at_ms, side, total_tokens, cost, speed IS NOT NULL
FROM seen JOIN tangled USING (message_id)
ORDER BY message_id, place

-- name: counted
-- Every message once: `place` is that of its first copy, everything else is that of the best one,
-- which is no sidechain's, else the largest, else (daily) the dearest, else one with a speed, else
-- the first. Its key is message and request; without a request, message and session, and for the
-- daily report also the time. Without a message id nothing is a copy.
, tangled AS (
    SELECT unnest($tangled_ids::VARCHAR[]) AS message_id
), kept AS (
    SELECT
        min(place) AS first_place,
        arg_min(
            place,
            {
                'side': side, 'most': -total_tokens, 'dearest': CASE WHEN $daily THEN -cost END,
                'plain': speed IS NULL, 'place': place
            }
        ) AS place
    FROM seen ANTI JOIN tangled USING (message_id)
    WHERE message_id IS NOT NULL
    GROUP BY
        message_id, request_id,
        CASE WHEN request_id IS NULL THEN claimed END,
        CASE WHEN request_id IS NULL AND $daily THEN at_ms END
    UNION ALL
    SELECT unnest($first_places::BIGINT[]), unnest($places::BIGINT[])
    UNION ALL
    SELECT place, place FROM seen WHERE message_id IS NULL
), counted AS (
    SELECT kept.first_place, seen.* FROM kept JOIN seen ON seen.place = kept.place
)

-- name: grouped
-- Sums by key and model, and by key alone (`whole`), in the order in which keys and models first
-- occur. Floats are added in that order too, because their sum depends on it. Zones are asked once
-- per quarter of an hour, not per message: every offset from UTC is a multiple of it.
, days AS (
    SELECT
        quarter,
        strftime(timezone($timezone, make_timestamptz(quarter * 900000000)), '%Y-%m-%d') AS day
    FROM (SELECT DISTINCT at_ms // 900000 AS quarter FROM counted)
), keyed AS (
    SELECT
        counted.*,
        CASE $by
            WHEN 'session' THEN project_path
            WHEN 'model' THEN coalesce(label, 'unknown')
            WHEN 'user' THEN project
            ELSE day
        END AS key,
        CASE $by WHEN 'session' THEN session WHEN 'instance' THEN project ELSE '' END AS part
    FROM counted JOIN days ON days.quarter = counted.at_ms // 900000
    WHERE ($since::VARCHAR IS NULL OR day >= $since::VARCHAR)
      AND ($until::VARCHAR IS NULL OR day <= $until::VARCHAR)
)
SELECT
    key, part,
    grouping(label) = 1 AS whole,
    label,
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost ORDER BY first_place),
    bool_or(unpriced),
    min(at_ms), max(at_ms)
FROM keyed
GROUP BY GROUPING SETS ((key, part, label), (key, part))
ORDER BY min(first_place)

-- name: timed
-- One row per message in the order of time, for what depends on the one before.
SELECT
    at_ms, label, input_tokens, output_tokens, cache_write_tokens, cache_read_tokens, cost
FROM counted
ORDER BY at_ms, first_place
