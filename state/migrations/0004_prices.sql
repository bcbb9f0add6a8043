-- What a token costs. Derived from the price book and the settings, so it may be emptied at any
-- time: state/usage/prices.py writes it again. Prices of one agent, model and variant never overlap.
CREATE TABLE usage_prices (
    price_id BIGINT NOT NULL,        -- of the whole row: another price is another id
    agent VARCHAR NOT NULL,
    model VARCHAR NOT NULL,          -- as the rows of messages have it
    variant VARCHAR NOT NULL,        -- standard, fast, batch, flex or priority
    valid_from_us BIGINT,            -- half open; NULL is without end
    valid_until_us BIGINT,
    input_from_tokens BIGINT NOT NULL,  -- half open too: input and cache tokens of the request
    input_until_tokens BIGINT,
    input_pico BIGINT NOT NULL,      -- pico-dollars per token
    output_pico BIGINT NOT NULL,
    cache_write_5m_pico BIGINT NOT NULL,
    cache_write_1h_pico BIGINT NOT NULL,
    cache_read_pico BIGINT NOT NULL,
    web_search_nano BIGINT NOT NULL, -- nano-dollars per request
    us_permille INTEGER NOT NULL,    -- what tokens cost when inference had to stay in the US
    book_provider VARCHAR,           -- what the price book calls it; NULL where only settings know it
    book_model VARCHAR,
    origin VARCHAR NOT NULL          -- the book and its version, or settings
);

-- Which models were looked up, in which book and with which settings, whether found or not.
CREATE TABLE usage_price_lookups (
    agent VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    stamp VARCHAR NOT NULL,
    priced BOOLEAN NOT NULL
);
