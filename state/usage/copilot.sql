-- Copilot token counts over the rows of the `usage` processor.
--
-- The rule: session totals are the truth, messages only fill in where there are none. A total is
-- compared with what its own file says before it, never with another file or with a clock.
--
-- The query stands alone; in brackets it is a table.

-- name: copilot_copies
-- One row, with all columns of `usage_messages`, for everything that counts: what a session total
-- adds to the one before, and messages that no total covers. No two rows share a `message_id`.
-- - A run is what lies between two starts or resumes of a session. A message is covered if a total
--   stands behind it in its run, in this file or in any copy of it.
-- - Totals go on from the total before (so it is told of 1.0.87, and several in one run do) or began
--   again at zero when the session was resumed (so it is told of older versions). No line says
--   which, but the messages between the two totals say what was put out: the reading that comes
--   nearer to that is taken. A total with any figure below the one before began again.
WITH starts AS (
    SELECT source, path, "offset" AS start_offset
    FROM usage_records
    WHERE agent = 'copilot' AND type IN ('session.start', 'session.resume')
), told AS (
    -- A line that a file has twice says nothing the second time.
    SELECT m.*, coalesce(start_offset, -1) AS run
    FROM usage_messages m
    ASOF LEFT JOIN starts
        ON starts.source = m.source AND starts.path = m.path AND start_offset <= m."offset"
    WHERE agent = 'copilot'
    QUALIFY message_id IS NULL OR row_number() OVER (
        PARTITION BY m.source, m.path, message_id ORDER BY m."offset", seq
    ) = 1
), summed AS (
    SELECT
        *,
        coalesce(max("offset") FILTER (origin = 'total') OVER run >= "offset", false) AS covered,
        coalesce(sum(output_tokens) FILTER (origin <> 'total') OVER earlier, 0) AS run_output
    FROM told
    WINDOW
        run AS (PARTITION BY source, path, run),
        earlier AS (PARTITION BY source, path, run, model ORDER BY "offset", seq)
), compared AS (
    SELECT
        *,
        lag(input_tokens) OVER totals AS input_before,
        lag(output_tokens) OVER totals AS output_before,
        lag(cache_write_tokens) OVER totals AS write_before,
        lag(cache_read_tokens) OVER totals AS read_before,
        lag(reasoning_tokens) OVER totals AS reasoning_before,
        run_output
            - CASE WHEN lag(run) OVER totals = run THEN lag(run_output) OVER totals ELSE 0 END
            AS output_between
    FROM summed
    WINDOW totals AS (
        PARTITION BY source, path, model, origin = 'total' ORDER BY "offset", seq
    )
), decided AS (
    SELECT
        *,
        coalesce(
            origin = 'total'
            AND least(
                input_tokens - input_before, output_tokens - output_before,
                cache_write_tokens - write_before, cache_read_tokens - read_before,
                reasoning_tokens - reasoning_before
            ) >= 0
            AND 2 * (output_tokens - output_between) >= output_before,
            false
        ) AS goes_on
    FROM compared
), copies AS (
    SELECT
        * EXCLUDE (
            run, covered, run_output, input_before, output_before, write_before, read_before,
            reasoning_before, output_between, goes_on
        )
        REPLACE (
            CASE WHEN goes_on THEN input_tokens - input_before ELSE input_tokens END
                AS input_tokens,
            CASE WHEN goes_on THEN output_tokens - output_before ELSE output_tokens END
                AS output_tokens,
            CASE WHEN goes_on THEN cache_write_tokens - write_before ELSE cache_write_tokens END
                AS cache_write_tokens,
            CASE WHEN goes_on THEN cache_read_tokens - read_before ELSE cache_read_tokens END
                AS cache_read_tokens,
            CASE WHEN goes_on THEN reasoning_tokens - reasoning_before ELSE reasoning_tokens END
                AS reasoning_tokens
        ),
        origin <> 'total' AND bool_or(covered) OVER (
            PARTITION BY coalesce(message_id, concat_ws(chr(10), source, path, "offset", seq))
        ) AS is_covered
    FROM decided
)
SELECT * EXCLUDE (is_covered)
FROM copies
WHERE NOT is_covered
QUALIFY message_id IS NULL OR row_number() OVER (
    PARTITION BY message_id ORDER BY source, path, "offset", seq
) = 1
