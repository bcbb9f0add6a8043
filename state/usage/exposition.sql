-- What Prometheus is told of usage.

-- name: messages
SELECT
    "user", agent, coalesce(model, 'unknown'), sum(messages), sum(final_messages),
    sum(unpriced_messages), sum(input_tokens), sum(output_tokens), sum(cache_write_tokens),
    sum(cache_read_tokens), sum(cost_nano)
FROM usage_quarters
GROUP BY ALL

-- name: api_errors
-- Each once however many files repeat its line.
WITH once AS (
    SELECT DISTINCT ON (coalesce(uuid, concat(source, ':', path, ':', "offset")), seq)
        "user", agent, name
    FROM all_events
    WHERE kind = 'api_error'
    ORDER BY source, path, "offset"
)
SELECT "user", agent, name, count(*) FROM once GROUP BY ALL

-- name: unknown
SELECT agent, name, count(*) FROM all_events WHERE kind = 'unknown' GROUP BY ALL
