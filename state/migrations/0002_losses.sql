-- Bytes that were seen and vanished before a processor read them (core.loss says what is counted).
-- Append-only: a row is written in the transaction of the commit that found the loss.
CREATE TABLE raw.losses (
    processor VARCHAR NOT NULL,
    file_id INTEGER NOT NULL,
    lost_bytes BIGINT NOT NULL,
    how VARCHAR NOT NULL,
    found_at_us BIGINT NOT NULL
);

CREATE VIEW losses AS
SELECT n.processor, f.source, f.path, f."user", f.session, n.lost_bytes, n.how, n.found_at_us
FROM raw.losses n JOIN files f ON f.file_id = n.file_id;
