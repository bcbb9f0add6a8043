"""Databases as the predecessor wrote them, in several of its schema versions.

The rule: columns, types and defaults as its schema had them, made with DuckDB itself; the content
is made up.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb

STATES = """CREATE TABLE session_processor_state (
    processor_name VARCHAR NOT NULL, session_file VARCHAR NOT NULL, username VARCHAR NOT NULL,
    processed_at TIMESTAMP DEFAULT current_timestamp, items_extracted INTEGER DEFAULT 0,
    file_hash VARCHAR, PRIMARY KEY (processor_name, session_file))"""

OLDEST_STATES = """CREATE TABLE session_extraction_state (
    session_file VARCHAR PRIMARY KEY, username VARCHAR NOT NULL,
    processed_at TIMESTAMP DEFAULT current_timestamp, items_extracted INTEGER DEFAULT 0,
    file_hash VARCHAR)"""

EVENTS = """CREATE TABLE usage_events (
    id VARCHAR PRIMARY KEY, session_id VARCHAR NOT NULL, session_file VARCHAR NOT NULL,
    username VARCHAR NOT NULL, event_uuid VARCHAR, parent_uuid VARCHAR,
    event_type VARCHAR NOT NULL, tool_name VARCHAR, skill_name VARCHAR, subagent_type VARCHAR,
    command_name VARCHAR, is_error BOOLEAN DEFAULT false, source VARCHAR NOT NULL, ref_id VARCHAR,
    model VARCHAR, cwd VARCHAR, occurred_at TIMESTAMP NOT NULL, processor_version INTEGER,
    extracted_at TIMESTAMP DEFAULT current_timestamp, friction_tags JSON, user_id VARCHAR)"""

SESSIONS = """CREATE TABLE usage_session_summary (
    session_file VARCHAR PRIMARY KEY, session_id VARCHAR, username VARCHAR, user_id VARCHAR,
    primary_model VARCHAR, started_at TIMESTAMP, ended_at TIMESTAMP, wall_seconds INTEGER,
    active_seconds INTEGER, user_messages INTEGER, assistant_messages INTEGER, tool_calls INTEGER,
    tool_errors INTEGER, skill_invocations INTEGER, subagent_dispatches INTEGER,
    mcp_calls INTEGER, slash_commands INTEGER, distinct_tools INTEGER, distinct_skills INTEGER,
    input_tokens BIGINT, output_tokens BIGINT, cache_read_tokens BIGINT,
    cache_creation_tokens BIGINT, uploaded_at TIMESTAMP, processor_version INTEGER,
    extracted_at TIMESTAMP DEFAULT current_timestamp)"""

SEED_ITEMS = """CREATE TABLE knowledge_items (
    id VARCHAR PRIMARY KEY, title VARCHAR NOT NULL, content VARCHAR, category VARCHAR, tags JSON,
    status VARCHAR DEFAULT 'pending', contributors JSON, source_user VARCHAR, audience VARCHAR,
    confidence DOUBLE, domain VARCHAR, entities JSON,
    source_type VARCHAR DEFAULT 'claude_local_md', source_ref VARCHAR, valid_from TIMESTAMP,
    valid_until TIMESTAMP, supersedes VARCHAR, sensitivity VARCHAR DEFAULT 'internal',
    is_personal BOOLEAN DEFAULT false, created_at TIMESTAMP, updated_at TIMESTAMP)"""

VOTES = """CREATE TABLE knowledge_votes (
    item_id VARCHAR, user_id VARCHAR, vote INTEGER, PRIMARY KEY (item_id, user_id))"""

EVIDENCE = """CREATE TABLE verification_evidence (
    id VARCHAR PRIMARY KEY, item_id VARCHAR, source_user VARCHAR, source_ref VARCHAR,
    detection_type VARCHAR, user_quote VARCHAR, created_at TIMESTAMP)"""

VERSION = "CREATE TABLE schema_version (version INTEGER, applied_at TIMESTAMP)"

V15 = (OLDEST_STATES, VERSION)
V31 = (STATES, SEED_ITEMS, VOTES, EVIDENCE, VERSION)
V121 = (
    STATES,
    EVENTS,
    SESSIONS,
    SEED_ITEMS.replace("domain VARCHAR, ", "").replace(
        "created_at TIMESTAMP,", "is_required BOOLEAN DEFAULT false, created_at TIMESTAMP,"
    ),
    VOTES,
    EVIDENCE,
    "CREATE TABLE memory_domains (id VARCHAR PRIMARY KEY, slug VARCHAR, name VARCHAR)",
    "CREATE TABLE knowledge_item_domains (item_id VARCHAR, domain_id VARCHAR)",
    "CREATE TABLE usage_tool_daily (day DATE, tool_name VARCHAR, invocations INTEGER)",
    VERSION,
)


def write(path: Path, tables: tuple[str, ...], *rows: tuple[str, Mapping[str, Any]]) -> Path:
    """Make the tables that are not there yet, and put the rows in or in the place of others."""
    db = duckdb.connect(str(path))
    try:
        for table in tables:
            db.execute(table.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
        for table, row in rows:
            names, places = ", ".join(row), ", ".join(f"${i + 1}" for i in range(len(row)))
            replace = "OR REPLACE " if "PRIMARY KEY" in _sql(tables, table) else ""
            db.execute(f"INSERT {replace}INTO {table} ({names}) VALUES ({places})", [*row.values()])
    finally:
        db.close()
    return path


def _sql(tables: tuple[str, ...], name: str) -> str:
    return next((table for table in tables if f"TABLE {name} " in table), "")


def state(session_file: str, **more: Any) -> tuple[str, Mapping[str, Any]]:
    row = {"processor_name": "usage", "session_file": session_file, "username": "amara"}
    return "session_processor_state", row | more


def event(name: str, session_file: str, **more: Any) -> tuple[str, Mapping[str, Any]]:
    row = {
        "id": name, "session_id": session_file, "session_file": session_file, "username": "amara",
        "event_type": "tool_use", "tool_name": "Bash", "source": "builtin",
        "occurred_at": "2026-05-01 10:00:00",
    }  # fmt: skip
    return "usage_events", row | more


def session(session_file: str, **more: Any) -> tuple[str, Mapping[str, Any]]:
    row = {"session_file": session_file, "session_id": session_file, "username": "amara"}
    return "usage_session_summary", row | more
