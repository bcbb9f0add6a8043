-- Reports over the counted messages (`usage_counted`), their sums (`usage_quarters`) and the rows of
-- the `usage` processor.
--
-- The rule: a report depends only on what the files say, and its order is fixed. `quarters`, `counted`,
-- `called` and `subagents` are the beginnings of queries; reports.py puts one before a report. Every
-- usage query ends in model and the same nine sums, in the order of `reports.SUMS`.

-- name: quarters
-- Days of any zone begin with a quarter of an hour, so `since` and `until` cut no quarter.
WITH quarters AS (
    SELECT *
    FROM usage_quarters
    WHERE ($since_us::BIGINT IS NULL OR quarter >= $since_us::BIGINT // 900000000)
      AND ($until_us::BIGINT IS NULL OR quarter < $until_us::BIGINT // 900000000)
      AND ($user::VARCHAR IS NULL OR "user" = $user::VARCHAR)
      AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
)

-- name: quarter_sums
    model, sum(messages), sum(final_messages), sum(unpriced_messages), sum(input_tokens),
    sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens), sum(cost_nano)
FROM quarters
GROUP BY ALL
ORDER BY ALL NULLS LAST

-- name: daily
-- Days of the chosen zone. Messages without a time are listed as undated.
SELECT
    coalesce(
        strftime(timezone($timezone, make_timestamptz(quarter * 900000000)), '%Y-%m-%d'), 'undated'
    ) AS date,

-- name: weekly
-- The Sunday that begins the week, as ccusage has it.
SELECT
    coalesce(
        strftime(
            date_trunc(
                'week',
                timezone($timezone, make_timestamptz(quarter * 900000000)) + INTERVAL 1 DAY
            ) - INTERVAL 1 DAY,
            '%Y-%m-%d'
        ),
        'undated'
    ) AS week,

-- name: monthly
SELECT
    coalesce(
        strftime(timezone($timezone, make_timestamptz(quarter * 900000000)), '%Y-%m'), 'undated'
    ) AS month,

-- name: model
SELECT coalesce(model, 'unknown') AS name,

-- name: user
SELECT "user",

-- name: agent
SELECT agent,

-- name: counted
WITH counted AS (
    SELECT
        * REPLACE (CASE WHEN speed = 'fast' THEN model || '-fast' ELSE model END AS model)
    FROM usage_counted
    WHERE ($since_us::BIGINT IS NULL OR at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR "user" = $user::VARCHAR)
      AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
)

-- name: counted_sums
    model, count(*), count(*) FILTER (final), count(*) FILTER (cost_origin = 'unpriced'),
    sum(input_tokens), sum(output_tokens), sum(cache_write_tokens), sum(cache_read_tokens),
    sum(cost_nano), min(at_us), max(at_us)
FROM counted
GROUP BY ALL
ORDER BY ALL NULLS LAST

-- name: session
-- A session is a file and the files of its subagents, wherever a source holds one of that name:
-- two projects may both have a session `a`.
SELECT
    source,
    regexp_replace(path, '(^|/)[^/]+/subagents/.*$|(^|/)[^/]*$', '') AS project,
    session,
    "user",

-- name: blocks
-- Messages in the order of time, as `state.usage.blocks` takes them.
SELECT
    at_us // 1000, model, input_tokens, output_tokens, cache_write_tokens, cache_read_tokens,
    cost_nano / 1000000000
FROM counted
WHERE at_us IS NOT NULL
ORDER BY at_us, id, request

-- name: projects
-- The project of a session is the folder it began in. Worktrees are the repository they belong to:
-- `R/.claude/worktrees/x`, `R/.worktrees/x` and `R-worktrees/x` are R.
, roots AS (
    SELECT source, "user", session, arg_min(cwd, (coalesce(at_us, 0), path, "offset")) AS cwd
    FROM usage_counted
    WHERE cwd IS NOT NULL
    GROUP BY ALL
), placed AS (
    SELECT
        counted.*,
        coalesce(
            regexp_replace(
                replace(roots.cwd, chr(92), '/'),
                '(/\.claude/worktrees/|/\.worktrees/|-worktrees/).*$', ''
            ),
            'unknown'
        ) AS project
    FROM counted LEFT JOIN roots USING (source, "user", session)
)

-- name: project
SELECT project,

-- name: skill
SELECT coalesce(attributed_skill, 'unattributed') AS name,

-- name: plugin
SELECT coalesce(attributed_plugin, 'unattributed') AS name,

-- name: mcp
SELECT coalesce(attributed_mcp_server, 'unattributed') AS name,

-- name: subagents
-- What kind of subagent wrote a message: as the line says, else as the call that started it did.
, kinds AS (
    SELECT r.subagent_id AS agent_id, min(c.subagent_type) AS kind
    FROM all_tool_results r JOIN all_tool_calls c USING (tool_use_id)
    WHERE r.subagent_id IS NOT NULL AND c.subagent_type IS NOT NULL
    GROUP BY ALL
), placed AS (
    SELECT
        counted.*,
        coalesce(
            attributed_agent, kind,
            CASE WHEN sidechain OR agent_id IS NOT NULL THEN 'unknown' ELSE 'unattributed' END
        ) AS name
    FROM counted LEFT JOIN kinds USING (agent_id)
)

-- name: subagent
SELECT name,

-- name: pull_requests
-- A message belongs to the pull request that its session linked next, else to the last one before.
, links AS (
    SELECT source, "user", session, at_us AS linked_us, min(detail) AS pr
    FROM all_events
    WHERE kind = 'pr_link' AND detail <> '' AND at_us IS NOT NULL
    GROUP BY ALL
), last_links AS (
    SELECT source, "user", session, arg_max(pr, (linked_us, pr)) AS last_pr
    FROM links
    GROUP BY ALL
), placed AS (
    SELECT counted.*, coalesce(pr, last_pr, 'unattributed') AS name
    FROM counted
    ASOF LEFT JOIN links
      ON counted.source = links.source AND counted."user" = links."user"
     AND counted.session = links.session AND counted.at_us <= links.linked_us
    LEFT JOIN last_links
      ON counted.source = last_links.source AND counted."user" = last_links."user"
     AND counted.session = last_links.session
)

-- name: pr
SELECT name,

-- name: activity
-- Time in which something was written at least every 600 seconds; prompts, tool calls and errors of
-- the API, each counted once however many files repeat its line.
WITH times AS (
    SELECT DISTINCT source, "user", session, at_us
    FROM all_records
    WHERE at_us IS NOT NULL
      AND ($since_us::BIGINT IS NULL OR at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR "user" = $user::VARCHAR)
      AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
), gaps AS (
    SELECT
        source, "user", session,
        at_us - lag(at_us) OVER (PARTITION BY source, "user", session ORDER BY at_us) AS gap_us
    FROM times
), prompts AS (
    SELECT
        arg_min(
            {
                'source': source, 'user': "user", 'session': session, 'agent': agent,
                'at_us': at_us
            },
            (coalesce(at_us, 9223372036854775807), source, path, "offset", seq)
        ) AS place
    FROM all_prompts
    -- Without its seq: of one prompt a document and a line have different ones.
    GROUP BY coalesce(uuid, concat(source, ':', path, ':', "offset", ':', seq))
), prompted AS (
    SELECT place.source, place."user", place.session, count(*) AS prompts
    FROM prompts
    WHERE ($since_us::BIGINT IS NULL OR place.at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR place.at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR place."user" = $user::VARCHAR)
      AND ($agent::VARCHAR IS NULL OR place.agent = $agent::VARCHAR)
    GROUP BY ALL
), active AS (
    SELECT
        source, "user", session,
        sum(CASE WHEN gap_us <= 600000000 THEN gap_us ELSE 0 END) // 1000000 AS active_s
    FROM gaps
    GROUP BY ALL
)
SELECT source, "user", session, coalesce(active_s, 0), coalesce(prompts, 0)
FROM active FULL JOIN prompted USING (source, "user", session)

-- name: called
-- Every tool call once: copies of a call share its id; when and whose is decided as for messages.
-- A denied call is not an error of the tool, although the agent marks its result as one.
WITH calls AS (
    SELECT
        arg_min(
            {
                'name': name, 'kind': kind, 'skill': skill, 'plugin': plugin,
                'mcp_server': mcp_server, 'subagent_type': subagent_type, 'at_us': at_us,
                'source': source, 'path': path, 'user': "user", 'session': session,
                'agent': agent, 'tool_use_id': tool_use_id
            },
            {
                'order_us': coalesce(at_us, 9223372036854775807),
                'away': session_id IS DISTINCT FROM session, 'source': source,
                'path': path, 'offset': "offset", 'seq': seq
            }
        ) AS call
    FROM all_tool_calls
    GROUP BY coalesce(tool_use_id, concat('at:', source, ':', path, ':', "offset", ':', seq))
), results AS (
    SELECT
        tool_use_id,
        bool_or(is_error AND NOT denied) AS failed,
        bool_or(denied) AS denied,
        max(size_chars) AS size_chars,
        min(at_us) AS answered_us
    FROM all_tool_results
    WHERE tool_use_id IS NOT NULL
    GROUP BY tool_use_id
), called AS (
    SELECT
        call.* EXCLUDE (tool_use_id),
        results.tool_use_id IS NOT NULL AS answered,
        coalesce(results.failed, false) AS failed,
        coalesce(results.denied, false) AS denied,
        coalesce(results.size_chars, 0) AS size_chars,
        CASE WHEN answered_us >= call.at_us THEN answered_us - call.at_us END AS took_us
    FROM calls LEFT JOIN results ON results.tool_use_id = call.tool_use_id
    WHERE ($since_us::BIGINT IS NULL OR call.at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR call.at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR call."user" = $user::VARCHAR)
      AND ($agent::VARCHAR IS NULL OR call.agent = $agent::VARCHAR)
)

-- name: call_sums
-- An error rate is errors of the calls that were answered and not denied.
    count(*) AS calls,
    count(*) FILTER (failed) AS errors,
    count(*) FILTER (denied) AS denied,
    count(*) FILTER (NOT answered) AS unanswered,
    round(
        coalesce(count(*) FILTER (failed) / nullif(count(*) FILTER (answered AND NOT denied), 0), 0),
        4
    ) AS error_rate,
    quantile_disc(took_us, 0.5) FILTER (NOT denied) // 1000 AS took_ms_p50,
    quantile_disc(took_us, 0.95) FILTER (NOT denied) // 1000 AS took_ms_p95,
    sum(size_chars) AS result_chars,
    count(DISTINCT "user") AS users,
    count(DISTINCT (source, "user", session)) AS sessions

-- name: tool_calls
SELECT name, kind,

-- name: skill_calls
SELECT skill AS name,

-- name: plugin_calls
SELECT plugin AS name,

-- name: mcp_calls
SELECT mcp_server AS name,

-- name: subagent_calls
SELECT subagent_type AS name,

-- name: session_calls
SELECT source, "user", session, count(*), count(*) FILTER (failed)
FROM called
GROUP BY ALL

-- name: quota
-- What agents last said of the limits of a plan, by user: how much is used, and when it is reset.
SELECT
    "user", agent, name, slot,
    round(arg_max(used_bp, (at_us, source, path, "offset", seq)) / 100, 2),
    arg_max(window_minutes, (at_us, source, path, "offset", seq)),
    arg_max(resets_us, (at_us, source, path, "offset", seq)),
    arg_max(plan, (at_us, source, path, "offset", seq)),
    max(at_us)
FROM all_quotas
WHERE at_us IS NOT NULL
  AND ($since_us::BIGINT IS NULL OR at_us >= $since_us::BIGINT)
  AND ($until_us::BIGINT IS NULL OR at_us < $until_us::BIGINT)
  AND ($user::VARCHAR IS NULL OR "user" = $user::VARCHAR)
  AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
GROUP BY ALL
ORDER BY 1, 2, 3, 4

-- name: exposed_calls
SELECT
    "user", agent, name, count(*), count(*) FILTER (failed), count(*) FILTER (denied)
FROM called
GROUP BY ALL

-- name: command
-- Slash commands, each once however many files repeat its line.
WITH once AS (
    SELECT
        arg_min(
            {
                'name': name, 'at_us': at_us, 'user': "user", 'source': source,
                'session': session
            },
            (coalesce(at_us, 9223372036854775807), source, path, "offset", seq)
        ) AS command
    FROM all_events
    WHERE kind = 'slash_command'
      AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
    GROUP BY coalesce(uuid, concat(source, ':', path, ':', "offset")), seq
)
SELECT
    command.name, count(*) AS calls, count(DISTINCT command."user") AS users,
    count(DISTINCT (command.source, command."user", command.session)) AS sessions
FROM once
WHERE ($since_us::BIGINT IS NULL OR command.at_us >= $since_us::BIGINT)
  AND ($until_us::BIGINT IS NULL OR command.at_us < $until_us::BIGINT)
  AND ($user::VARCHAR IS NULL OR command."user" = $user::VARCHAR)
GROUP BY ALL
ORDER BY calls DESC, command.name

-- name: unpriced
-- Models that no price is known for, in the chosen rows.
SELECT DISTINCT coalesce(model, 'unknown')
FROM usage_counted
WHERE cost_origin = 'unpriced'
  AND ($since_us::BIGINT IS NULL OR at_us >= $since_us::BIGINT)
  AND ($until_us::BIGINT IS NULL OR at_us < $until_us::BIGINT)
  AND ($user::VARCHAR IS NULL OR "user" = $user::VARCHAR)
  AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
ORDER BY ALL
