"""Planted secrets and words that must go nowhere, looked for everywhere: in the database and its
log, in what was kept of what was sent, in what a model's server received, and in every log line.

The rule: the service reads real-shaped sessions in its usual way, and the search is over bytes and
over every value of every table, since a database compresses what it holds.
"""

import json
import random

import pytest

from tests.tools import secrets
from tests.tools.anthropic_stub import Stub, served
from tests.tools.databases import opened
from tests.tools.service import serving
from tests.tools.teaching import fact, taught
from tests.tools.writers import assistant_line, prompt_line

TOOL_MARK = "a-mark-that-stands-in-tool-output-alone"
META_MARK = "a-mark-that-only-a-hook-wrote"


def tool_lines(name):
    """A call of a tool, its output, and what a hook said."""
    called = json.loads(assistant_line(f"{name}-tool"))
    called["message"]["content"] = [
        {"type": "tool_use", "id": f"t-{name}", "name": "Bash", "input": {"command": TOOL_MARK}}
    ]
    result = json.loads(prompt_line(f"{name}-result"))
    result["message"]["content"] = [
        {"type": "tool_result", "tool_use_id": f"t-{name}", "content": f"PASSWORD={TOOL_MARK}"}
    ]
    result["toolUseResult"] = {"stdout": TOOL_MARK}
    hook = json.loads(prompt_line(f"{name}-hook", META_MARK))
    hook["isMeta"] = True
    return b"".join(json.dumps(line).encode() + b"\n" for line in (called, result, hook))


def planted(root):
    """A session for each secret: said by the person and by the agent, beside a fact; what was
    planted, by kind."""
    rng = random.Random(7)
    named = {
        f"named-{place}": template.format(value)
        for place, template in secrets.NAMED.items()
        for value in [secrets.nameless(rng)]
    }
    plain = {kind: make(rng) for kind, make in secrets.SECRETS.items()}
    words = {**plain, **named}
    (root / "u/p").mkdir(parents=True)
    for number, (kind, text) in enumerate(words.items()):
        data = (
            assistant_line(f"{kind}-0", text=f"I use it as you said:\n{text}\nIt runs weekly.")
            + tool_lines(kind)
            + prompt_line(f"{kind}-0", f"{fact(number)} And it uses\n{text}\nas before.")
            + prompt_line(f"{kind}-1", text)
        )
        (root / "u/p" / f"{kind}.jsonl").write_bytes(data)
    values = {place: text.split("{}")[0] for place, text in secrets.NAMED.items()}
    return {
        kind: text.removeprefix(values.get(kind.removeprefix("named-"), "")).split("@db")[0]
        .split("&page")[0].rstrip('"')
        for kind, text in words.items()
    }  # fmt: skip


@pytest.fixture
def stub():
    with served(Stub("429=10%", answer=taught)) as running:
        yield running


def everything(db):
    """Every value of every table as text."""
    with opened(db) as database:
        names = database.execute(
            "SELECT schema_name, table_name FROM duckdb_tables() WHERE NOT internal"
        ).fetchall()
        for schema, table in names:
            for row in database.execute(f'SELECT * FROM "{schema}"."{table}"').fetchall():
                yield f"{schema}.{table}", repr(row)


def test_no_secret_and_no_tool_output_is_anywhere_but_in_the_session(tmp_path, stub, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary-key-0f3a")
    monkeypatch.setenv("ANTHROPIC_LOG", "debug")
    root, db = tmp_path / "sessions", tmp_path / "t.duckdb"
    sought = planted(root) | {"tool": TOOL_MARK, "hook": META_MARK, "key": "canary-key-0f3a"}
    assert all(len(text) >= 8 for text in sought.values())

    with serving(
        db, root, model_base_url=stub.url, quiet_max_s=0, log_level="debug", retry_first_s=0.2
    ) as service:
        count = len(sought) - 3
        service.wait_until(
            lambda: service.client.get("/api/v1/model")["windows"].get("done") == count, 120.0
        )
        assert service.terminate() == 0

    found = [
        (kind, place)
        for place, text in everywhere(tmp_path, db, stub)
        for kind, secret in sought.items()
        if secret in text
    ]
    assert found == []


def everywhere(tmp_path, db, stub):
    yield from everything(db)
    for path in tmp_path.iterdir():
        if path.is_file():
            yield path.name, path.read_bytes().decode("utf-8", "replace")
    for number, one in enumerate(stub.requests):
        yield f"request {number}", json.dumps(one.body, ensure_ascii=False)


def test_the_search_finds_what_is_there(tmp_path, stub, monkeypatch):
    """Else the test above could not fail: a fact that is said is in all of these places."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "canary-key-0f3a")
    root, db = tmp_path / "sessions", tmp_path / "t.duckdb"
    (root / "u/p").mkdir(parents=True)
    (root / "u/p/s.jsonl").write_bytes(assistant_line("s") + prompt_line("s", fact(12)))
    with serving(db, root, model_base_url=stub.url, quiet_max_s=0, retry_first_s=0.2) as service:
        service.wait_until(lambda: service.client.get("/api/v1/model")["windows"].get("done") == 1)
        assert service.terminate() == 0

    places = {place for place, text in everywhere(tmp_path, db, stub) if "export number 12" in text}
    assert {"raw.verification_items", "main.model_payloads", "main.model_recordings"} <= places
    assert "request 0" in places
