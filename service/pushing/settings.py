"""The settings of whoever pushes: table `[push]`.

The rule: the token is no setting, only the file that has it is, so `config show` cannot show it.
"""

from dataclasses import dataclass
from typing import Annotated

from service.rules import list_of, path_below, text


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
        tuple[str, ...], list_of("patterns", "of paths below the roots: not pushed")
    ] = ()
    private: Annotated[
        str,
        path_below("the home folder", "a list of sessions that are never pushed"),
    ] = ".claude/private-sessions"
