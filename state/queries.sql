-- What the API and the command line ask of the engine's own tables.

-- name: quarantine
-- One page of faults in a fixed order. $1 to $6 are the place after which it starts, $7 is a
-- processor or NULL, $8 is "line", "file" or NULL, $9 the number of rows, $10 a user or NULL.
SELECT processor, source, path, "user", session, "offset", length_bytes, reason, detail, kept,
       kind, attempts, try_again_at_us
FROM quarantine
WHERE (source, path, processor, "offset", kind, reason) > ($1, $2, $3, $4::BIGINT, $5, $6)
  AND ($7::VARCHAR IS NULL OR processor = $7)
  AND ($8::VARCHAR IS NULL OR (kind = 'line') = ($8 = 'line'))
  AND ($10::VARCHAR IS NULL OR "user" = $10)
ORDER BY source, path, processor, "offset", kind, reason
LIMIT $9

-- name: quarantine_count
-- How many faults there are, by reason.
SELECT reason, count(*) FROM quarantine
WHERE ($1::VARCHAR IS NULL OR processor = $1) AND ($2::VARCHAR IS NULL OR "user" = $2)
GROUP BY reason ORDER BY reason

-- name: keys_of
SELECT source, path FROM files f
WHERE "user" = $1
  AND EXISTS (FROM ledger l WHERE l.file_id = f.file_id AND NOT l.source_gone)
ORDER BY ALL

-- name: files_of
SELECT source, path FROM files WHERE "user" = $1
