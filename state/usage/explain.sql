-- What a row of a usage report is made of.

-- name: explained
-- The messages of the row, dearest first, with the place of the copy that counts; `row` is every
-- counted message with the keys of its row.
SELECT
    m.*,
    w.source AS winner_source,
    w.path AS winner_path,
    p.* EXCLUDE (agent, model, price_id)
FROM ({row}) m
JOIN files w ON w.file_id = m.winner_file_id
LEFT JOIN usage_prices p ON p.price_id = m.price_id AND p.agent = m.agent
WHERE $key::VARCHAR IS NULL OR m."{column}" = $key::VARCHAR
ORDER BY
    m.cost_nano DESC,
    m.input_tokens + m.output_tokens + m.cache_write_tokens + m.cache_read_tokens DESC,
    m.id, m.request
LIMIT $limit

-- name: row_sums
SELECT
    count(*), coalesce(sum(input_tokens), 0), coalesce(sum(output_tokens), 0),
    coalesce(sum(cache_write_tokens), 0), coalesce(sum(cache_read_tokens), 0),
    coalesce(sum(cost_nano), 0)
FROM ({row}) m
WHERE $key::VARCHAR IS NULL OR m."{column}" = $key::VARCHAR

-- name: copies_of
-- Every copy of some messages, in the order that decides between them.
SELECT
    id, source, path, "offset", seq, rank, request_id, at_us,
    input_tokens, output_tokens, cache_write_tokens, cache_read_tokens
FROM copies
WHERE id IN (SELECT unnest($ids::VARCHAR[]))
ORDER BY id, nth, "offset", seq
