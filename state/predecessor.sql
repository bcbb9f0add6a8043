-- What state/predecessor.py asks of the archive of the predecessor's database.

-- name: sessions
-- How many of their sessions are with us, and how many users they are of.
SELECT count(*), count(*) FILTER (found = 'ours'), count(*) FILTER (found = 'elsewhere'),
       count(*) FILTER (found IS NULL), count(DISTINCT username)
FROM predecessor_session_files

-- name: only
-- What the archive alone has.
SELECT count(*) AS sessions, coalesce(sum(events), 0) AS events,
       coalesce(sum(input_tokens), 0) AS input_tokens,
       coalesce(sum(output_tokens), 0) AS output_tokens,
       coalesce(sum(cache_read_tokens), 0) AS cache_read_tokens,
       coalesce(sum(cache_creation_tokens), 0) AS cache_creation_tokens
FROM predecessor_only_sessions

-- name: hashes
-- What they say the md5 of a file was that lies with us under the same path.
SELECT f.source, f.path, s.file_hash
FROM predecessor_states s
JOIN files f ON regexp_replace(f.path, '\.(gz|zst)$', '') = s.session_file
WHERE s.file_hash IS NOT NULL
ORDER BY f.source, f.path, s.processor_name
