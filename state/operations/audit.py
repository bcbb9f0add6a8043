"""The audit: one row for every run and every change, however it ended.

The rule: whoever acts does so inside `Audit.acting`, and that is the only place a row is written.
So a refusal, an exception and a kill between two statements cannot each be forgotten separately.
"""

import base64
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from core.acting import Principal
from core.errors import ConfigurationError, SessionwatchError
from state.operations.book import Book
from state.times import iso_utc

TEXT_MAX = 256
"""Characters kept of a parameter or an error text."""
_COLUMNS = (
    "audit_id", "at_us", "actor", "role", "action", "resource", "params", "result",
    "duration_us", "client_ip", "client_kind", "correlation_id",
)  # fmt: skip
_INSERT = f"INSERT INTO audit VALUES ({', '.join('?' * len(_COLUMNS))})"
_EVER_US = 2**62
_PAGE = f"""
SELECT {", ".join(_COLUMNS)} FROM audit
WHERE (?::BIGINT IS NULL OR (at_us, audit_id) < (?::BIGINT, ?))
  AND (? IS NULL OR action = ? OR starts_with(action, ? || ':') OR starts_with(action, ? || '.'))
  AND (? IS NULL OR actor = ?) AND (? IS NULL OR result = ?)
  AND at_us >= ?::BIGINT AND at_us < ?::BIGINT
ORDER BY at_us DESC, audit_id DESC LIMIT ?
"""


@dataclass(slots=True)
class Note:
    """What the row will say; the act itself adds to it. `failed`: it ended, but not well."""

    action: str
    resource: str
    params: dict[str, Any] = field(default_factory=dict)
    failed: bool = False


class Audit:
    """`now_us` and `monotonic_s` are the clock."""

    def __init__(
        self, book: Book, now_us: Callable[[], int], monotonic_s: Callable[[], float]
    ) -> None:
        self._book = book
        self._now_us = now_us
        self._monotonic_s = monotonic_s

    @contextmanager
    def acting(
        self,
        who: Principal,
        action: str,
        resource: str = "",
        params: dict[str, Any] | None = None,
        correlation_id: str = "",
    ) -> Iterator[Note]:
        """Whatever happens inside leaves one row. What is raised goes on, and is named in it."""
        note = Note(action, resource, dict(params or {}))
        at_us, started_s = self._now_us(), self._monotonic_s()
        result = "error"
        try:
            yield note
            result = "failed" if note.failed else "ok"
        except SessionwatchError as error:
            result = "refused" if isinstance(error, ConfigurationError) else "error"
            note.params["reason"] = error.reason
            raise
        except BaseException as error:
            note.params["unhandled_error"] = told(error)
            raise
        finally:
            took_us = int((self._monotonic_s() - started_s) * 1e6)
            row = (
                str(uuid.uuid4()), at_us, who.name, who.role, note.action, note.resource,
                json.dumps(bounded(note.params)), result, took_us, who.address, who.kind,
                correlation_id or str(uuid.uuid4()),
            )  # fmt: skip
            with self._book.change() as cursor:
                cursor.execute(_INSERT, row)

    def page(
        self,
        limit: int = 100,
        after: str = "",
        action: str | None = None,
        actor: str | None = None,
        result: str | None = None,
        *,
        since_us: int | None = None,
        until_us: int | None = None,
    ) -> dict[str, Any]:
        """Rows, newest first, and the `after` of the next page. An action also stands for those
        that begin with it and a `:` or `.`.

        Pages of one walk never show a row twice and miss none that was there when it began,
        whatever is added meanwhile: a page goes on behind a row, not behind a number of rows.
        """
        at_us, audit_id = _place(after) if after else (None, "")
        found = self._book.rows(
            _PAGE,
            [at_us, at_us, audit_id, action, action, action, action, actor, actor, result, result,
             since_us or 0, until_us or _EVER_US, limit],
        )  # fmt: skip
        more = len(found) == limit
        return {
            "audit": [_shown(row) for row in found],
            "next": _encoded(found[-1][1], found[-1][0]) if more else None,
        }


def told(error: BaseException) -> str:
    """`Type: message`, bounded."""
    return f"{type(error).__name__}: {error}"[:TEXT_MAX]


def bounded(value: Any) -> Any:
    """A JSON value that is not too long, whatever it is made of."""
    if isinstance(value, dict):
        return {str(name)[:TEXT_MAX]: bounded(one) for name, one in list(value.items())[:50]}
    if isinstance(value, list | tuple):
        return [bounded(one) for one in value[:20]]
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value).encode("utf-8", "backslashreplace").decode()[:TEXT_MAX]


def _shown(row: tuple[Any, ...]) -> dict[str, Any]:
    found = dict(zip(_COLUMNS, row, strict=True))
    at_us, params = found.pop("at_us"), found.pop("params")
    return {**found, "at": iso_utc(at_us), "params": json.loads(params)}


def _encoded(at_us: int, audit_id: str) -> str:
    return base64.urlsafe_b64encode(f"{at_us}:{audit_id}".encode()).decode()


def _place(after: str) -> tuple[int, str]:
    try:
        at_us, _, audit_id = base64.urlsafe_b64decode(after.encode()).decode().partition(":")
        return int(at_us[:20]) % 2**63, audit_id
    except ValueError as error:
        raise ConfigurationError(
            "after is not a place in the audit", reason="bad_parameter",
            hint="use the `next` of the page before",
        ) from error  # fmt: skip
