-- What messages cost, and the upkeep of the prices.
--
-- The rule: integers all the way. A message costs the sum of its tokens times pico-dollars, times
-- the permille of where it ran, and is rounded to nano-dollars once, half up.

-- name: priced
-- To stand behind `WITH messages AS (…)`, which has the columns agent, model, at_us, input_tokens,
-- output_tokens, cache_write_tokens, cache_write_5m_tokens, cache_write_1h_tokens,
-- cache_read_tokens, web_search_requests, service_tier, speed, geo and cost_nano, and any others.
-- `priced` has all of them, where cost_nano is what the message costs and reported_cost_nano what
-- its agent said, and in addition:
--   cost_origin  price: computed from the row of usage_prices that price_id names
--                reported: no price is known, but the agent said what it cost
--                unpriced: neither, so the cost of 0 is not the truth
--                none: no model was asked (`<synthetic>`, or the agent names none)
-- A message without a time has the newest price. Tokens of a cache that the agent does not tell
-- apart are those of five minutes. No message costs more than 10^18, as core.record has it.
, price_choices AS (
    -- The prices of every variant; one that has none of its own has those of the standard.
    SELECT
        wanted.variant AS wanted,
        coalesce(valid_from_us, -9223372036854775808) AS from_us,
        coalesce(valid_until_us, 9223372036854775807) AS until_us,
        coalesce(input_until_tokens, 170141183460469231731687303715884105727) AS input_until_max,
        usage_prices.*
    FROM (VALUES ('standard'), ('fast'), ('batch'), ('flex'), ('priority')) AS wanted (variant)
    JOIN usage_prices ON usage_prices.variant = CASE
        WHEN (usage_prices.agent, usage_prices.model, wanted.variant) IN (
            SELECT (agent, model, variant) FROM usage_prices
        ) THEN wanted.variant
        ELSE 'standard'
    END
), price_requests AS (
    SELECT
        *,
        least(coalesce(at_us, 9223372036854775806), 9223372036854775806) AS price_at_us,
        CASE
            WHEN speed = 'fast' OR service_tier = 'fast' THEN 'fast'
            WHEN service_tier IN ('batch', 'flex', 'priority') THEN service_tier
            ELSE 'standard'
        END AS price_variant,
        greatest(coalesce(input_tokens, 0), 0)::HUGEINT AS price_input,
        greatest(coalesce(output_tokens, 0), 0)::HUGEINT AS price_output,
        greatest(coalesce(cache_write_1h_tokens, 0), 0)::HUGEINT AS price_write_1h,
        greatest(
            coalesce(cache_write_5m_tokens, 0),
            coalesce(cache_write_tokens, 0)::HUGEINT - price_write_1h,
            0
        )::HUGEINT AS price_write_5m,
        greatest(coalesce(cache_read_tokens, 0), 0)::HUGEINT AS price_read,
        greatest(coalesce(web_search_requests, 0), 0)::HUGEINT AS price_searches
    FROM messages
), priced AS (
    SELECT
        request.* EXCLUDE (
            cost_nano, price_at_us, price_variant, price_input, price_output, price_write_1h,
            price_write_5m, price_read, price_searches
        ),
        request.cost_nano AS reported_cost_nano,
        CASE
            WHEN price.price_id IS NOT NULL THEN least(
                (
                    (
                        price_input * price.input_pico
                        + price_output * price.output_pico
                        + price_write_5m * price.cache_write_5m_pico
                        + price_write_1h * price.cache_write_1h_pico
                        + price_read * price.cache_read_pico
                    ) * CASE WHEN request.geo = 'us' THEN price.us_permille ELSE 1000 END
                    + 500000
                ) // 1000000
                + price_searches * price.web_search_nano,
                1000000000000000000
            )::BIGINT
            ELSE greatest(coalesce(request.cost_nano, 0), 0)
        END AS cost_nano,
        CASE
            WHEN price.price_id IS NOT NULL THEN 'price'
            WHEN request.cost_nano > 0 THEN 'reported'
            WHEN request.model IS NULL OR request.model = '<synthetic>' THEN 'none'
            ELSE 'unpriced'
        END AS cost_origin,
        price.price_id
    FROM price_requests AS request
    LEFT JOIN price_choices AS price
        ON price.agent = request.agent
        AND price.model = request.model
        AND price.wanted = request.price_variant
        AND price.from_us <= request.price_at_us
        AND price.until_us > request.price_at_us
        AND price.input_from_tokens
            <= price_input + price_write_5m + price_write_1h + price_read
        AND price.input_until_max > price_input + price_write_5m + price_write_1h + price_read
)

-- name: lookups
SELECT agent, model, stamp FROM usage_price_lookups

-- name: unpriced
SELECT agent, model FROM usage_price_lookups WHERE NOT priced ORDER BY ALL

-- name: forget_lookups
DELETE FROM usage_price_lookups
WHERE (agent, model) IN (SELECT (unnest($1::VARCHAR[]), unnest($2::VARCHAR[])))

-- name: forget_prices
DELETE FROM usage_prices
WHERE (agent, model) IN (SELECT (unnest($1::VARCHAR[]), unnest($2::VARCHAR[])))

-- name: add_prices
INSERT INTO usage_prices SELECT
    unnest($1::BIGINT[]), unnest($2::VARCHAR[]), unnest($3::VARCHAR[]), unnest($4::VARCHAR[]),
    unnest($5::BIGINT[]), unnest($6::BIGINT[]), unnest($7::BIGINT[]), unnest($8::BIGINT[]),
    unnest($9::BIGINT[]), unnest($10::BIGINT[]), unnest($11::BIGINT[]), unnest($12::BIGINT[]),
    unnest($13::BIGINT[]), unnest($14::BIGINT[]), unnest($15::INTEGER[]), unnest($16::VARCHAR[]),
    unnest($17::VARCHAR[]), unnest($18::VARCHAR[])

-- name: add_lookups
INSERT INTO usage_price_lookups
SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[]), $3, unnest($4::BOOLEAN[])
