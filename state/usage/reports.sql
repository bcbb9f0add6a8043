-- Reports over the rows of the `usage` processor.
--
-- The rule: which copy counts, and whose it is, is decided by what the rows say, never by the
-- order they arrived in. Every comparison below ends in (source, path, offset, seq), which no two
-- rows share. Rows of vanished files count like all others.
--
-- `counted` and `called` are the beginnings of queries; reports.py puts one before a report.

-- name: counted
-- Every API message once. Copies of a message share its id; the best kind of copy decides:
-- lines of the conversation itself (told apart by request id too), else lines of a sidechain,
-- else what a caller logged of its subagent. Of those the copy with most tokens is the message
-- (streamed copies grow), and the earliest copy says when and to whom it belongs. Resumed and
-- forked sessions repeat lines, times included; then the file of the session that the line names
-- has it, else the first by source and path. A message without an id has no copies.
WITH copies AS (
    SELECT
        source, path, "user", session, "offset", seq, message_id, request_id, at_us,
        CASE WHEN model <> '<synthetic>' THEN
            CASE WHEN speed = 'fast' THEN model || '-fast' ELSE model END
        END AS model,
        input_tokens,
        output_tokens,
        greatest(
            cache_write_tokens,
            coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)
        ) AS cache_write_tokens,
        cache_read_tokens,
        coalesce(cost_nano, 0) AS cost_nano,
        CASE WHEN origin = 'progress' THEN 0 WHEN sidechain THEN 1 ELSE 2 END AS rank,
        coalesce(at_us, 9223372036854775807) AS order_us,
        session_id IS DISTINCT FROM session AS away
    FROM usage_messages
    WHERE ($progress OR origin <> 'progress')
      -- What Claude Code writes in place of an answer (an API error) is not an API message.
      AND (model IS DISTINCT FROM '<synthetic>' OR input_tokens + output_tokens > 0)
), best AS (
    SELECT message_id, max(rank) AS rank
    FROM copies
    WHERE message_id IS NOT NULL
    GROUP BY message_id
), messages AS (
    SELECT
        arg_min(
            {
                'model': model,
                'input_tokens': input_tokens,
                'output_tokens': output_tokens,
                'cache_write_tokens': cache_write_tokens,
                'cache_read_tokens': cache_read_tokens,
                'cost_nano': cost_nano
            },
            {
                'most': -(input_tokens + output_tokens + cache_write_tokens + cache_read_tokens),
                'order_us': order_us, 'away': away, 'source': source, 'path': path,
                'offset': "offset", 'seq': seq
            }
        ) AS usage,
        arg_min(
            {
                'at_us': at_us, 'source': source, 'path': path, 'user': "user",
                'session': session
            },
            {
                'order_us': order_us, 'away': away, 'source': source, 'path': path,
                'offset': "offset", 'seq': seq
            }
        ) AS origin
    FROM copies JOIN best USING (message_id, rank)
    GROUP BY message_id, CASE WHEN rank = 2 THEN request_id END
    UNION ALL
    SELECT
        {
            'model': model,
            'input_tokens': input_tokens,
            'output_tokens': output_tokens,
            'cache_write_tokens': cache_write_tokens,
            'cache_read_tokens': cache_read_tokens,
            'cost_nano': cost_nano
        },
        {'at_us': at_us, 'source': source, 'path': path, 'user': "user", 'session': session}
    FROM copies
    WHERE message_id IS NULL
), counted AS (
    SELECT unnest(usage), unnest(origin)
    FROM messages
    WHERE ($since_us::BIGINT IS NULL OR origin.at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR origin.at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR origin."user" = $user::VARCHAR)
)

-- name: daily
-- Days of the chosen time zone. Messages without a time are listed as undated. Zones are asked
-- once per quarter of an hour, not per message: every offset from UTC is a multiple of it.
, quarters AS (
    SELECT
        at_us // 900000000 AS quarter, model, count(*) AS messages,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cache_write_tokens) AS cache_write_tokens, sum(cache_read_tokens) AS cache_read_tokens,
        sum(cost_nano) AS cost_nano
    FROM counted
    GROUP BY ALL
)
SELECT
    coalesce(
        strftime(timezone($timezone, make_timestamptz(quarter * 900000000)), '%Y-%m-%d'),
        'undated'
    ) AS date,
    model,
    sum(messages),
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost_nano)
FROM quarters
GROUP BY ALL
ORDER BY date, model NULLS LAST

-- name: model
SELECT
    coalesce(model, 'unknown') AS model,
    model AS breakdown,
    count(*) AS messages,
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost_nano)
FROM counted
GROUP BY ALL
ORDER BY sum(input_tokens + output_tokens + cache_write_tokens + cache_read_tokens) DESC, 1, 2

-- name: user
SELECT
    "user",
    model,
    count(*) AS messages,
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost_nano)
FROM counted
GROUP BY ALL
ORDER BY "user", model NULLS LAST

-- name: session
-- A session is a file and the files of its subagents, wherever a source holds one of that name:
-- two projects may both have a session `a`.
, files AS (
    SELECT
        source, path, session, "user", model, count(*) AS messages,
        sum(input_tokens) AS input_tokens, sum(output_tokens) AS output_tokens,
        sum(cache_write_tokens) AS cache_write_tokens, sum(cache_read_tokens) AS cache_read_tokens,
        sum(cost_nano) AS cost_nano, min(at_us) AS first_us, max(at_us) AS last_us
    FROM counted
    GROUP BY ALL
)
SELECT
    source,
    regexp_replace(path, '(^|/)[^/]+/subagents/.*$|(^|/)[^/]*$', '') AS project,
    session,
    "user",
    model,
    sum(messages),
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost_nano),
    min(first_us),
    max(last_us)
FROM files
GROUP BY ALL
ORDER BY source, project, session, "user", model NULLS LAST

-- name: called
-- Every tool call once: copies of a call share its id; when and whose is decided as above.
-- A denied call is not an error of the tool, although the agent marks its result as one.
WITH calls AS (
    SELECT
        arg_min(
            {
                'name': name, 'kind': kind, 'at_us': at_us, 'source': source, 'path': path,
                'user': "user", 'session': session, 'tool_use_id': tool_use_id
            },
            {
                'order_us': coalesce(at_us, 9223372036854775807),
                'away': session_id IS DISTINCT FROM session, 'source': source,
                'path': path, 'offset': "offset", 'seq': seq
            }
        ) AS call
    FROM usage_tool_calls
    WHERE tool_use_id IS NOT NULL
    GROUP BY tool_use_id
    UNION ALL
    SELECT
        {
            'name': name, 'kind': kind, 'at_us': at_us, 'source': source, 'path': path,
            'user': "user", 'session': session, 'tool_use_id': NULL
        }
    FROM usage_tool_calls
    WHERE tool_use_id IS NULL
), results AS (
    SELECT
        tool_use_id,
        bool_or(is_error AND NOT denied) AS failed,
        bool_or(denied) AS denied,
        max(size_chars) AS size_chars
    FROM usage_tool_results
    WHERE tool_use_id IS NOT NULL
    GROUP BY tool_use_id
), called AS (
    SELECT
        call.name, call.kind, call.at_us, call.source, call.path, call."user", call.session,
        results.tool_use_id IS NOT NULL AS answered,
        coalesce(results.failed, false) AS failed,
        coalesce(results.denied, false) AS denied,
        coalesce(results.size_chars, 0) AS size_chars
    FROM calls LEFT JOIN results ON results.tool_use_id = call.tool_use_id
    WHERE ($since_us::BIGINT IS NULL OR call.at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR call.at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR call."user" = $user::VARCHAR)
)

-- name: tool
SELECT
    name,
    kind,
    count(*) AS calls,
    count(*) FILTER (failed) AS errors,
    count(*) FILTER (denied) AS denied,
    count(*) FILTER (NOT answered) AS unanswered,
    sum(size_chars) AS result_chars,
    count(DISTINCT "user") AS users,
    count(DISTINCT (source, session)) AS sessions
FROM called
GROUP BY ALL
ORDER BY calls DESC, name, kind
