"""The settings of uploads: table `[uploads]`.

The rule: without `into` nothing is taken, so nobody writes to a source by accident.
"""

from dataclasses import dataclass
from typing import Annotated

from service.rules import integer, mode_of_files, seconds, text

MIB = 1 << 20
_TIB = 1 << 40


@dataclass(frozen=True, slots=True)
class UploadSettings:
    """Every value is a setting of the same name."""

    into: Annotated[
        str, text(r"[\w.-]{0,100}", "a source's name", "the source that takes uploads; empty: none")
    ] = ""
    file_max_bytes: Annotated[
        int, integer(1, _TIB, "of a file, and of a body as it is sent; 413 above")
    ] = 64 * MIB
    user_max_bytes_per_day: Annotated[
        int, integer(1, _TIB, "that files of a user may grow in 24 h; 429 above")
    ] = 4096 * MIB
    mode: Annotated[str, mode_of_files("of files; folders to match")] = "0640"
    at_once: Annotated[int, integer(1, 32, "uploads under way, half of them of one user")] = 8
    body_s: Annotated[float, seconds(1, 86_400, "for a body to come as a whole; 408 above")] = 300.0
