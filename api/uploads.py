"""Endpoints for uploads: session files that come over HTTP, and what became of them.

The rule: an analyst's token sends for its person and sees what is theirs; only an admin may name
somebody else. What a file may be called and how it is stored is not decided here.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any

from msgspec import Meta
from starlette.requests import ClientDisconnect

from api.control import Uploads
from api.endpoints import READERS, Ask, Endpoint, Fields
from api.forms import boundary_of, file_of
from api.gate import Forbidden
from api.parts import Parts
from core.acting import ADMIN
from core.errors import ConfigurationError, TransientError
from core.keys import NOTE_FILE
from core.uploads import Arrival, Encoding, Stored, place_of

BODY_BYTES_MAX = 1 << 40
"""The real bound is a setting; the framework only has to let it through."""
_ENCODINGS: dict[str, Encoding] = {"": "", "identity": "", "gzip": "gzip", "zstd": "zstd"}
_PATH = "/api/v1/uploads"
_ERRORS = (403, 404, 408, 409, 413, 429, 507)
User = Annotated[str, Meta(min_length=1, max_length=200)]


class SendQuery(Fields):
    user: User | None = None
    replace: bool = False
    offset: Annotated[int, Meta(ge=0, le=1 << 50)] = 0
    prefix_digest: Annotated[str, Meta(max_length=64)] = ""


class LegacyQuery(Fields):
    filename: str = ""
    user: User | None = None
    replace: bool = False


class LookQuery(Fields):
    user: User | None = None


class PageQuery(Fields):
    user: User | None = None
    limit: Annotated[int, Meta(ge=1, le=1000)] = 100
    after: Annotated[str, Meta(max_length=100)] = ""


def endpoints(parts: Parts) -> list[Endpoint]:
    """Sending, looking, and holding what came against what was read."""
    here = _Uploads(parts)
    path = _PATH
    return [
        Endpoint(
            "GET", path, here.page, "What came and what became of it.", READERS, query=PageQuery
        ),
        Endpoint(
            "GET", f"{path}/summary", here.summary, "How much of a day's uploads is read.",
            READERS, query=LookQuery,
        ),
        Endpoint(
            "GET", path + "/{path:path}", here.look, "Size and digest of what is there.", READERS,
            query=LookQuery, errors=(403, 404),
        ),
        Endpoint(
            "POST", path + "/{path:path}", here.send, "A session file, or what is new of it.",
            READERS, query=SendQuery, action="session.upload", resource="uploads", streams=True,
            body_bytes_max=BODY_BYTES_MAX, errors=_ERRORS,
        ),
        Endpoint(
            "POST", "/api/upload/sessions", here.send_as_before, "As the predecessor's clients.",
            READERS, query=LegacyQuery, action="session.upload", resource="uploads", streams=True,
            legacy=True, body_bytes_max=BODY_BYTES_MAX, errors=_ERRORS,
        ),
        Endpoint(
            "POST", "/api/upload/local-md", here.send_note, "A person's note, in place of theirs.",
            READERS, query=LookQuery, action="session.upload", resource="uploads", streams=True,
            legacy=True, body_bytes_max=BODY_BYTES_MAX, errors=_ERRORS,
        ),
    ]  # fmt: skip


class _Uploads:
    def __init__(self, parts: Parts) -> None:
        self._control = parts.control

    @property
    def _uploads(self) -> Uploads:
        return self._control.uploads

    def page(self, ask: Ask) -> dict[str, Any]:
        return self._uploads.page(ask.query.limit, ask.query.after, _visible(ask))

    def summary(self, ask: Ask) -> dict[str, Any]:
        return self._uploads.summary(_visible(ask))

    def look(self, ask: Ask) -> dict[str, Any]:
        return self._uploads.look(_sender(ask), _path(ask))

    def send(self, ask: Ask) -> dict[str, Any]:
        query: SendQuery = ask.query
        if query.replace and query.offset:
            raise ConfigurationError(
                "what is replaced comes whole", reason="bad_parameter", hint="leave out offset"
            )
        arrival = Arrival(
            _sender(ask), _path(ask), _encoding(ask), query.replace, query.offset,
            query.prefix_digest,
        )  # fmt: skip
        stored = self._take(ask, arrival, _chunks(ask))
        return {
            "status": stored.outcome,
            "path": stored.key.path,
            "size": stored.size_bytes,
            "digest": stored.digest,
        }

    def send_as_before(self, ask: Ask) -> dict[str, Any]:
        query: LegacyQuery = ask.query
        name, chunks = query.filename or ask.request.headers.get("x-filename", ""), _chunks(ask)
        if boundary := boundary_of(ask.request.headers.get("content-type", "")):
            called, chunks = file_of(boundary, chunks)
            name = name or called
        if "/" in name:
            raise ConfigurationError(
                "a file name has no folders", reason="bad_name",
                hint="POST /api/v1/uploads/{path} takes them",
            )  # fmt: skip
        stored = self._take(ask, Arrival(_sender(ask), name, _encoding(ask), query.replace), chunks)
        return {"status": "ok", "filename": place_of(name).path, "size": stored.size_bytes}

    def send_note(self, ask: Ask) -> dict[str, Any]:
        """Whatever the file is called at the other end, there is one note of each person."""
        chunks = _chunks(ask)
        if boundary := boundary_of(ask.request.headers.get("content-type", "")):
            _, chunks = file_of(boundary, chunks)
        arrival = Arrival(_sender(ask), NOTE_FILE, _encoding(ask), replace=True)
        return {"status": "ok", "size": self._take(ask, arrival, chunks).size_bytes}

    def _take(self, ask: Ask, arrival: Arrival, chunks: Iterable[bytes]) -> Stored:
        params = ask.note.params
        params |= {"filename": arrival.path, "user": arrival.user}
        stored = self._uploads.take(arrival, chunks, ask.who.name)
        params |= {
            "bytes": stored.size_bytes, "added": stored.added_bytes, "outcome": stored.outcome
        }  # fmt: skip
        return stored


def _path(ask: Ask) -> str:
    """As it was asked for: what the route found may lack a line break at the end."""
    return str(ask.request.scope["path"]).removeprefix(f"{_PATH}/")


def _chunks(ask: Ask) -> Iterator[bytes]:
    try:
        yield from ask.chunks()
    except ClientDisconnect as error:
        raise TransientError(
            "the body was cut off", reason="cut_off", hint="send it again"
        ) from error


def _encoding(ask: Ask) -> Encoding:
    given = ask.request.headers.get("content-encoding", "").strip().lower()
    if given not in _ENCODINGS:
        raise ConfigurationError(
            "the body is packed in an unknown way", reason="bad_encoding", hint="gzip or zstd"
        )
    return _ENCODINGS[given]


def _sender(ask: Ask) -> str:
    """Whose folder it is about."""
    user = _visible(ask) or ask.who.person
    if user is None:
        raise ConfigurationError(
            "whose sessions are these?", reason="no_user",
            hint="say user=NAME, or use a token of a person",
        )  # fmt: skip
    return user


def _visible(ask: Ask) -> str | None:
    """Whose uploads are asked for; None means everybody's."""
    wanted: str | None = ask.query.user
    if ask.who.role == ADMIN:
        return wanted
    if wanted not in (None, ask.who.person):
        raise Forbidden(
            "these are somebody else's sessions", reason="forbidden",
            hint="leave out user, or use an admin's token",
        )  # fmt: skip
    return ask.who.person
