-- Copies of messages become messages, each counted once.
--
-- The rule: which copy counts, and whose it is, is decided by what the rows say, never by the order
-- they arrived in. Every comparison ends in the place of a row, which no two share: files count by
-- the order of their sources and paths (`nth`), then offset and seq.
-- Rows of vanished files count like all others.

-- name: messages
-- Agents whose lines say only together what was used have queries of their own.
SELECT * FROM all_messages WHERE agent NOT IN ({agents})

-- name: copies
-- Every copy, by the id that its copies share. A message without an id is known by the uuid of its
-- line, which resumed and forked sessions keep, and without that by its place, so it has no copies.
-- `rank`: lines of the conversation itself come before those of a sidechain, and those before what
-- a caller logged of its subagent.
SELECT
    file_id, nth, source, path, "user", session, "offset", seq, agent,
    -- With the agent's name, because only an agent's own ids are told apart by the agent. Claude Code's
    -- stand alone: they are the API's.
    coalesce(
        CASE WHEN agent = 'claude' THEN message_id ELSE agent || ':' || message_id END,
        'line:' || uuid,
        concat('at:', source, ':', path, ':', "offset", ':', seq)
    ) AS id,
    request_id,
    CASE WHEN origin = 'progress' THEN 0 WHEN sidechain THEN 1 ELSE 2 END AS rank,
    at_us,
    coalesce(at_us, 9223372036854775807) AS order_us,
    session_id IS DISTINCT FROM session AS away,
    -- Claude Code writes messages before they are whole; then no copy has a stop reason. Copilot
    -- writes all that was used when a session ends, and before that only output.
    CASE agent
        WHEN 'claude' THEN stop_reason IS NOT NULL
        WHEN 'copilot' THEN origin = 'total'
        ELSE true
    END AS finished,
    CASE WHEN model <> '<synthetic>' THEN model END AS model,
    -- No message has 10^18 tokens; one that claims it must not make the sums of all others overflow.
    -- Rows of vanished files have nothing in columns that came later.
    least(coalesce(input_tokens, 0), 1000000000000000000) AS input_tokens,
    least(coalesce(output_tokens, 0), 1000000000000000000) AS output_tokens,
    least(
        greatest(
            coalesce(cache_write_tokens, 0)::HUGEINT,
            coalesce(cache_write_5m_tokens, 0)::HUGEINT + coalesce(cache_write_1h_tokens, 0)
        ),
        1000000000000000000
    )::BIGINT AS cache_write_tokens,
    cache_write_5m_tokens, cache_write_1h_tokens,
    least(coalesce(cache_read_tokens, 0), 1000000000000000000) AS cache_read_tokens,
    coalesce(reasoning_tokens, 0) AS reasoning_tokens,
    coalesce(web_search_requests, 0) AS web_search_requests,
    service_tier, speed, geo, cost_nano, cwd, git_branch, agent_version, agent_id,
    coalesce(sidechain, false) AS sidechain, attributed_skill, attributed_plugin,
    attributed_mcp_server, attributed_mcp_tool, attributed_agent
FROM ({messages})
JOIN (
    SELECT file_id, source, path, row_number() OVER (ORDER BY source, path) AS nth FROM files
) USING (source, path)
-- What Claude Code writes in place of an answer (an API error) is not an API message.
WHERE (model IS DISTINCT FROM '<synthetic>' OR greatest(input_tokens, output_tokens) > 0)

-- name: counted
-- Of the best rank, the copy with most tokens is the message (streamed copies grow), and the
-- earliest says when and to whom it belongs. Resumed and forked sessions repeat lines, times
-- included; then the file of the session that the line names has it, else the first by source and
-- path. In the conversation itself one id with two requests is two messages: both were billed.
, of_id AS (
    SELECT
        id,
        max(rank) AS rank,
        bool_or(finished) AS final,
        count(*) AS copies,
        list_sort(list(DISTINCT file_id)) AS file_ids
    FROM copies
    GROUP BY id
), chosen AS (
    -- Places only: rows as wide as a copy cost four times as much here.
    SELECT
        id,
        CASE WHEN rank = 2 THEN request_id END AS request,
        any_value(final) AS final,
        any_value(copies) AS copies,
        any_value(file_ids) AS file_ids,
        arg_min(
            {'file_id': file_id, 'offset': "offset", 'seq': seq},
            {
                'most': -(input_tokens + output_tokens + cache_write_tokens + cache_read_tokens),
                'order_us': order_us, 'away': away, 'nth': nth,
                'offset': "offset", 'seq': seq
            }
        ) AS most,
        arg_min(
            {'file_id': file_id, 'offset': "offset", 'seq': seq},
            {
                'order_us': order_us, 'away': away, 'nth': nth,
                'offset': "offset", 'seq': seq
            }
        ) AS first
    FROM copies JOIN of_id USING (id, rank)
    GROUP BY ALL
)
SELECT
    chosen.id, request,
    floor(origin.at_us / 900000000)::BIGINT AS quarter,
    origin.at_us,
    winner.agent, winner.model,
    origin.source, origin.path, origin."user", origin.session, origin."offset", origin.seq,
    winner.file_id AS winner_file_id, winner."offset" AS winner_offset, winner.seq AS winner_seq,
    chosen.copies, file_ids, final,
    winner.input_tokens, winner.output_tokens, winner.cache_write_tokens,
    winner.cache_write_5m_tokens, winner.cache_write_1h_tokens, winner.cache_read_tokens,
    winner.reasoning_tokens, winner.web_search_requests,
    winner.service_tier, winner.speed, winner.geo,
    winner.cost_nano,
    origin.cwd, origin.git_branch,
    winner.agent_version, winner.agent_id, winner.sidechain,
    winner.attributed_skill, winner.attributed_plugin, winner.attributed_mcp_server,
    winner.attributed_mcp_tool, winner.attributed_agent
FROM chosen
JOIN copies winner
  ON winner.file_id = most.file_id AND winner."offset" = most."offset" AND winner.seq = most.seq
JOIN copies origin
  ON origin.file_id = first.file_id AND origin."offset" = first."offset" AND origin.seq = first.seq
