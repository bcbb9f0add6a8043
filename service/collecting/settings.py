"""The settings of the collector: table `[collector]`.

The rule: without `into` there is no collector, so nobody's home is read by accident.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from service.collecting.patterns import HomePattern
from service.rules import Rule, flag, integer, list_of, mode_of_files, path_below, seconds, text

_TIB = 1 << 40


def _homes(about: str) -> Rule:
    inner = list_of("absolute patterns in which the first * is the user", about)

    def read(value: Any) -> tuple[str, ...]:
        found: tuple[str, ...] = inner.read(value)
        for one in found:
            HomePattern.of(one)
        return found

    return Rule(read, inner.allowed, about)


@dataclass(frozen=True, slots=True)
class CollectorSettings:
    """Every value is a setting of the same name."""

    into: Annotated[
        str, text(r"(/[^\0]*)?", "an absolute path", "the drop folder: a source's root")
    ] = ""
    homes: Annotated[
        tuple[str, ...], _homes("a folder is searched whole, a last part with * names files")
    ] = ("/home/*/.claude/projects", "/home/*/user/sessions/*.jsonl")
    files: Annotated[
        tuple[str, ...], list_of("patterns of names", "which files of a searched folder")
    ] = ("*.jsonl", "*.jsonl.gz", "*.jsonl.zst")
    exclude: Annotated[
        tuple[str, ...], list_of("patterns", "of paths below the drop folder: not copied")
    ] = ()
    private: Annotated[
        str,
        path_below("a home", "a user's list of what stays there"),
    ] = ".claude/private-sessions"
    min_uid: Annotated[int, integer(0, 1 << 31, "whose home belongs to a lower one is no user")] = (
        1000
    )
    file_mode: Annotated[str, mode_of_files("of copied files")] = "0640"
    folder_mode: Annotated[
        str, text(r"[0-3]?7[0-7][0145]", 'octal digits such as "2750"', "of the folders above them")
    ] = "2750"
    group: Annotated[
        str, text(r"[\w.-]{0,32}", "the name of a group", "of both; else the system decides")
    ] = ""
    watch: Annotated[bool, flag("also look where events tell of changes")] = True
    settle_s: Annotated[float, seconds(0, 3600, "from such an event to the look")] = 0.05
    file_max_bytes: Annotated[int, integer(1, _TIB, "a larger file is refused")] = 1 << 32
    run_max_bytes: Annotated[
        int, integer(0, _TIB, "copied in one run, shared among users; 0 is no bound")
    ] = 0
