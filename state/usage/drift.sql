-- How the way agents write their sessions changes with their versions.

-- name: versions
-- Share of final messages and lines per message, beside those of the version before. Versions of
-- few messages say nothing and are no version before.
WITH sums AS (
    SELECT
        agent,
        coalesce(agent_version, 'unknown') AS version,
        count(*) AS messages,
        round(count(*) FILTER (final) / count(*), 4) AS final_share,
        round(sum(copies) / count(*), 2) AS copies_per_message,
        round(sum(output_tokens) / count(*), 1) AS output_per_message,
        min(at_us) AS first_us
    FROM usage_counted
    WHERE ($since_us::BIGINT IS NULL OR at_us >= $since_us::BIGINT)
      AND ($until_us::BIGINT IS NULL OR at_us < $until_us::BIGINT)
      AND ($user::VARCHAR IS NULL OR "user" = $user::VARCHAR)
      AND ($agent::VARCHAR IS NULL OR agent = $agent::VARCHAR)
    GROUP BY ALL
), numbered AS (
    SELECT *, list_transform(string_split(version, '.'), lambda n: try_cast(n AS INTEGER)) AS numbers
    FROM sums
)
SELECT
    s.agent, s.version, s.messages, s.final_share, s.copies_per_message, s.output_per_message,
    b.version AS before, b.final_share AS final_before, b.copies_per_message AS copies_before
FROM numbered s
ASOF LEFT JOIN (SELECT * FROM numbered WHERE messages >= $enough) b
  ON s.agent = b.agent AND s.numbers > b.numbers
ORDER BY s.agent, s.numbers, s.version

-- name: unknown
-- What a dialect met and does not know, with the first place it is to be seen at.
SELECT
    e.agent, e.name AS what, e.detail AS name, count(*) AS lines,
    max(r.agent_version) AS last_version,
    arg_min(
        {'source': e.source, 'path': e.path, 'offset': e."offset"}, (e.source, e.path, e."offset")
    ) AS sample
FROM all_events e
LEFT JOIN all_records r
  ON r.source = e.source AND r.path = e.path AND r."offset" = e."offset"
WHERE e.kind = 'unknown'
  AND ($since_us::BIGINT IS NULL OR e.at_us >= $since_us::BIGINT)
  AND ($until_us::BIGINT IS NULL OR e.at_us < $until_us::BIGINT)
  AND ($user::VARCHAR IS NULL OR e."user" = $user::VARCHAR)
  AND ($agent::VARCHAR IS NULL OR e.agent = $agent::VARCHAR)
GROUP BY ALL
ORDER BY e.agent, what, lines DESC, e.detail
LIMIT 1000
