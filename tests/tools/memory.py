"""A running service with people who have tokens, and what they ask of the knowledge base.

`Said` stands for the processor that reads sessions: it takes rows of its table from JSON, so that a
test says exactly what was found in whose session.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple
from urllib.parse import urlencode

from core.errors import TransientError
from processors import registry
from processors.base import Document
from processors.notes import Notes
from processors.registry import Registry
from service.supervisor import Service
from tests.tools.service import in_process, quiet, settings_for


class SaidRow(NamedTuple):
    """The columns of `verification_items` that are read."""

    kind: str
    title: str
    statement: str
    rejected: str | None
    extractor: str
    scope: str
    scope_hint: str | None
    domain: str | None
    valid_until: str | None
    quote: str
    turn_uuid: str | None
    said_at_us: int | None
    record_offset: int
    original_start: int
    original_end: int
    after_bundle: bool


class Said:
    """Rows of sessions, from files `*.said.json` with one JSON list."""

    name, version, pace_s = "said", 1, 0.1
    kind: Literal["document"] = "document"
    tables: Mapping[str, type] = {"verification_items": SaidRow}
    match = ("*.said.json",)

    def rows(self, document: Document) -> Iterator[SaidRow]:
        try:
            found = json.loads(document.data)
        except ValueError as error:
            raise TransientError("half written") from error
        for number, one in enumerate(found):
            yield said_row(number, **one)


def said_row(number: int, statement: str, **fields: Any) -> SaidRow:
    """A correction in the session's turn of that number, changed as wanted."""
    found = {
        "kind": "correction", "title": "", "rejected": None, "extractor": "model", "scope": "org",
        "scope_hint": None, "domain": None, "valid_until": None, "quote": statement,
        "turn_uuid": None, "said_at_us": 1_780_000_000_000_000 + number, "record_offset": number,
        "original_start": 0, "original_end": len(statement), "after_bundle": False,
    }  # fmt: skip
    return SaidRow(statement=statement, **{**found, **fields})


class SaidToModel(Said):
    """The same, of a service that asks a model."""

    asks_model = True


def known(*, asks_model: bool = False) -> Registry:
    return registry.checked([Notes(), SaidToModel() if asks_model else Said()])


class Asker:
    """Somebody with a token. Answers are (status, JSON)."""

    def __init__(self, url: str, token: str) -> None:
        self.url = url
        self.token = token

    def ask(
        self, method: str, path: str, body: Any = None, **query: Any
    ) -> tuple[int, dict[str, Any]]:
        target = f"{self.url}{path}" + (f"?{urlencode(query)}" if query else "")
        content = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(target, content, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                return answer.status, json.loads(answer.read() or b"{}")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())

    def get(self, path: str = "", **query: Any) -> dict[str, Any]:
        status, found = self.ask("GET", f"/api/memory{path}", **query)
        assert status == 200, found
        return found

    def post(self, path: str = "", body: Any = None, **query: Any) -> dict[str, Any]:
        status, found = self.ask("POST", f"/api/memory{path}", body or {}, **query)
        assert status in (200, 201), found
        return found

    def refused(self, method: str, path: str, body: Any = None, **query: Any) -> tuple[int, str]:
        """Status and code of an error."""
        status, found = self.ask(method, f"/api/memory{path}", body, **query)
        assert status >= 400, found
        return status, str(found["error"]["code"])

    def facts(self, **query: Any) -> dict[str, dict[str, Any]]:
        """What the list has, by statement."""
        return {one["content"]: one for one in self.get("", **query)["items"]}

    def id_of(self, statement: str) -> str:
        return str(self.facts()[statement]["id"])


class Team:
    """A service, and askers by name: `rae` and `sam` review, everybody else is an analyst."""

    def __init__(self, service: Service, root: Path) -> None:
        self.service = service
        self.root = root

    def __getattr__(self, name: str) -> Asker:
        role = "admin" if name in ("rae", "sam") else "analyst"
        _, text = self.service.desk.tokens.create(name, role, by="tests", person=name)
        asker = Asker(self.service.server.url, text)
        setattr(self, name, asker)
        return asker

    def note(self, user: str, text: str) -> None:
        """Somebody's note, from now on, and taken in."""
        self._write(self.root / user / "CLAUDE.local.md", text)

    def said(self, user: str, session: str, *rows: Mapping[str, Any]) -> None:
        """What was found in a session of theirs, and taken in."""
        self._write(self.root / user / "p" / f"{session}.said.json", json.dumps(rows))

    def take_in(self) -> None:
        """Wait until all is read and in the base."""
        quiet(self.service)
        self.service.desk.memory.take_new()

    def _write(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        whole = path.with_suffix(".new")  # What is half written would be tried again much later.
        whole.write_text(text)
        whole.rename(path)
        self.take_in()


@contextmanager
def team(folder: Path, *, asks_model: bool = False, **settings: Any) -> Iterator[Team]:
    root = folder / "sessions"
    root.mkdir(exist_ok=True)
    found = known(asks_model=asks_model)
    with in_process(settings_for(folder / "t.duckdb", root, **settings), found) as service:
        yield Team(service, root)
