"""A service that takes uploads, and whoever sends them: over real HTTP, as any client would.

The rule: a request is written by hand where a library would not send what an attacker sends.
"""

import http.client
import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from service.settings import SourceSettings
from service.supervisor import Service
from service.uploads.settings import UploadSettings
from tests.tools.service import in_process, settings_for

USER = "amara"
PATH = "-home-amara-shop/0b7d.jsonl"


class Answered(NamedTuple):
    """Status and body of an answer."""

    status: int
    body: Any

    @property
    def code(self) -> str:
        return str(self.body["error"]["code"])


class Sender:
    """Sends to a service with one token."""

    def __init__(self, service: Service, token: str = "") -> None:
        self.address = urlsplit(service.server.url)
        self.token = token

    def ask(
        self,
        method: str,
        target: str,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answered:
        """One request on a connection of its own."""
        connection = http.client.HTTPConnection(self.address.netloc, timeout=60)
        given = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        try:
            connection.request(method, target, body, {**given, **(headers or {})})
            response = connection.getresponse()
            return Answered(response.status, json.loads(response.read()))
        finally:
            connection.close()

    def send(
        self, path: str, body: Any, headers: Mapping[str, str] | None = None, **query: Any
    ) -> Answered:
        target = f"/api/v1/uploads/{quote(path)}?{urlencode(query)}"
        return self.ask("POST", target, body, headers)

    def look(self, path: str, **query: Any) -> Answered:
        return self.ask("GET", f"/api/v1/uploads/{quote(path)}?{urlencode(query)}")

    def raw(self, request: bytes, *, ends: bool = True) -> bytes:
        """What comes back for these very bytes. With `ends` nothing more is sent after them."""
        with socket.create_connection((self.address.hostname, self.address.port), 60) as peer:
            peer.sendall(request)
            if ends:
                peer.shutdown(socket.SHUT_WR)
            answer = b""
            while piece := peer.recv(65536):
                answer += piece
            return answer


class Taker:
    """A running service with a drop folder, an admin and a sender for each person."""

    def __init__(self, service: Service, root: Path) -> None:
        self.service = service
        self.root = root
        self.admin = Sender(service, self._token("operator", "admin", None))
        self.sender = self.of(USER)

    def of(self, person: str) -> Sender:
        return Sender(self.service, self._token(person, "analyst", person))

    def file(self, path: str = PATH, user: str = USER) -> Path:
        return self.root / user / path

    def hidden(self) -> list[str]:
        """What lies in the drop folder under hidden names, the watcher's canary apart."""
        found = (path.name for path in self.root.rglob(".*"))
        return [name for name in found if name.startswith(".sessionwatch-upload")]

    def files(self) -> list[str]:
        """Everything in the drop folder that is no folder and not hidden."""
        return sorted(
            str(path.relative_to(self.root))
            for path in self.root.rglob("*")
            if not path.is_dir() and not path.name.startswith(".")
        )

    def sql(self, query: str) -> list[tuple[Any, ...]]:
        return list(self.service.store.cursor().execute(query).fetchall())

    def _token(self, name: str, role: str, person: str | None) -> str:
        tokens = self.service.desk.tokens
        return tokens.create(name, role, by="test", person=person)[1]


@contextmanager
def taking(folder: Path, **settings: Any) -> Iterator[Taker]:
    """A service over `folder/drop`, for the length of a test."""
    root = folder / "drop"
    root.mkdir(exist_ok=True)
    sources = (SourceSettings("team", root),)
    wanted = settings_for(
        folder / "t.duckdb", sources=sources, uploads=UploadSettings(into="team", **settings)
    )
    with in_process(wanted) as service:
        yield Taker(service, root)
