"""Asks a service on another machine for a bundle.

The rule: an answer that is no bundle changes no file. Where the token may go: `service.remote`.
"""

import os
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from core.errors import TransientError
from service.remote import Remote

TOKEN_VARIABLE = "SESSIONWATCH_TOKEN"  # noqa: S105 - the name of a variable
ANSWER_S = 20.0
"""A session begins when its hook has ended."""


def fetched(
    url: str, person: str | None = None, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The answer of `GET /api/memory/bundle` below an address.

    Raises `ConfigurationError` for an address or token that is not right and `TransientError` if
    nobody answers.
    """
    token = (os.environ if environ is None else environ).get(TOKEN_VARIABLE, "").strip()
    whose: dict[str, Any] = {"person": person} if person else {}
    with closing(Remote(url, token, patience_s=0.0, timeout_s=ANSWER_S)) as remote:
        found = remote.ask("GET", "/api/memory/bundle", **whose).body
    files = found.get("files")
    if not isinstance(files, dict) or not all(isinstance(one, str) for one in files.values()):
        raise TransientError(f"{url} gave no bundle", reason="bad_answer", hint="is it a service?")
    return found
