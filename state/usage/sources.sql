-- The rows of line files and of documents, put together by name.
--
-- The rule: whoever reads `all_…` in place of `usage_…` counts every agent. A file is either lines or
-- a document, so places stay unique. Where the path of a document does not name its session (a part
-- of OpenCode), the row does; results and events of parts are found by the ids they carry.

-- name: all_records
SELECT * FROM usage_records
UNION ALL BY NAME
SELECT * REPLACE (coalesce(nullif(session, ''), session_id, '') AS session)
FROM document_usage_records

-- name: all_messages
SELECT * FROM usage_messages
UNION ALL BY NAME
SELECT * REPLACE (coalesce(nullif(session, ''), session_id, '') AS session)
FROM document_usage_messages

-- name: all_tool_calls
SELECT * FROM usage_tool_calls
UNION ALL BY NAME
SELECT * REPLACE (coalesce(nullif(session, ''), session_id, '') AS session)
FROM document_usage_tool_calls

-- name: all_tool_results
SELECT * FROM usage_tool_results
UNION ALL BY NAME
SELECT * FROM document_usage_tool_results

-- name: all_events
SELECT * FROM usage_events
UNION ALL BY NAME
SELECT * FROM document_usage_events

-- name: all_prompts
SELECT * FROM usage_prompts
UNION ALL BY NAME
SELECT * FROM document_usage_prompts

-- name: all_quotas
SELECT * FROM usage_quotas
UNION ALL BY NAME
SELECT * FROM document_usage_quotas
