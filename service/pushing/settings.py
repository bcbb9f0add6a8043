"""The settings of whoever pushes: table `[push]`.

The rule: the token is no setting, only the file that has it is, so `config show` cannot show it.
"""

import os
from dataclasses import dataclass
from typing import Annotated, Any

from service.rules import Rule, text


def _list_of(allowed: str, about: str) -> Rule:
    def read(value: Any) -> tuple[str, ...]:
        given = value.split(os.pathsep) if isinstance(value, str) else value
        if not isinstance(given, list | tuple) or not all(isinstance(p, str) and p for p in given):
            raise ValueError
        return tuple(given)

    return Rule(read, f"a list of {allowed} (separated by {os.pathsep} in a variable)", about)


@dataclass(frozen=True, slots=True)
class PushSettings:
    """Every value is a setting of the same name."""

    url: Annotated[
        str, text(r"(https?://\S{1,500})?", "an address", "the service that takes the uploads")
    ] = ""
    token_file: Annotated[
        str, text(r"[^\0]*", "a path", "a file with the token; else SESSIONWATCH_TOKEN has it")
    ] = ""
    user: Annotated[
        str, text(r".{0,200}", "a name", "whose sessions they are, where the token does not say")
    ] = ""
    exclude: Annotated[
        tuple[str, ...], _list_of("patterns", "of paths below the roots: not pushed")
    ] = ()
    private: Annotated[
        str,
        text(
            r"(?!(.*/)?\.\.?(/|$))([^/\0]+(/[^/\0]+)*)?",
            "a path below the home folder",
            "a list of sessions that are never pushed",
        ),
    ] = ".claude/private-sessions"
