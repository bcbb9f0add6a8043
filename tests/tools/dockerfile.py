"""Reads a Dockerfile and a .dockerignore as far as ours use them.

The rule: an instruction or form that is not known here is an error, never skipped, so that what is
replayed is what a container engine would do.
"""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_KNOWN = {
    "RUN", "COPY", "ENV", "USER", "WORKDIR", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT", "CMD",
}  # fmt: skip
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


@dataclass(frozen=True, slots=True)
class Instruction:
    """`RUN`, `COPY` …, its `--flags` and the text behind them."""

    name: str
    flags: Mapping[str, str]
    text: str

    @property
    def words(self) -> list[str]:
        """The exec form (a JSON list), else the words of the shell form."""
        if self.text.startswith("["):
            return list(map(str, json.loads(self.text)))
        return shlex.split(self.text)


@dataclass(slots=True)
class Stage:
    """One `FROM` and what follows it."""

    base: str
    name: str
    instructions: list[Instruction] = field(default_factory=list)

    def last(self, name: str) -> Instruction | None:
        """The instruction of this name that counts."""
        return next((one for one in reversed(self.instructions) if one.name == name), None)


def stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile, in order. Raises `ValueError` for what is not known here."""
    found: list[Stage] = []
    for line in _logical_lines(text):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            found.append(Stage(base.strip(), alias.strip()))
        elif name not in _KNOWN or not found:
            raise ValueError(f"not known here: {line[:60]}")
        else:
            found[-1].instructions.append(_instruction(name, rest.strip()))
    return found


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """`$NAME` and `${NAME}` replaced; an unknown name is empty."""
    return _VARIABLE.sub(lambda match: environ.get(match[1] or match[2], ""), text)


def assignments(text: str, environ: Mapping[str, str]) -> dict[str, str]:
    """What an `ENV` sets."""
    pairs = (word.partition("=") for word in shlex.split(text))
    return {name: expanded(value, environ) for name, _, value in pairs}


def context(root: Path) -> Iterator[Path]:
    """The files that a build sees, by `.dockerignore`, relative to `root`."""
    patterns = [
        (line.lstrip("!"), line.startswith("!"))
        for line in (root / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line.strip() and not line.startswith("#")
    ]
    tops = {pattern.split("/")[0] for pattern, wanted in patterns if wanted}
    for top in sorted(tops):
        for path in sorted([root / top, *(root / top).rglob("*")]):
            name = path.relative_to(root)
            if path.is_file() and _wanted(name, patterns):
                yield name


def _wanted(name: Path, patterns: list[tuple[str, bool]]) -> bool:
    wanted = True
    for pattern, says in patterns:
        if any(_fits(part.as_posix(), pattern) for part in (name, *name.parents)):
            wanted = says
    return wanted


def _fits(name: str, pattern: str) -> bool:
    parts = [
        "(?:.*/)?" if part == "**" else re.escape(part).replace(r"\*", "[^/]*") + "/"
        for part in pattern.split("/")
    ]
    return re.fullmatch("".join(parts), f"{name}/") is not None


def _logical_lines(text: str) -> Iterator[str]:
    whole = ""
    for line in text.splitlines():
        if line.lstrip().startswith("#") or not line.strip():
            continue
        whole += line.strip()
        if whole.endswith("\\"):
            whole = whole[:-1]
            continue
        yield re.sub(r"[ \t]+", " ", whole) if not whole.startswith("RUN") else whole
        whole = ""


def _instruction(name: str, rest: str) -> Instruction:
    flags = {}
    while found := re.match(r"--([a-z-]+)=(\S+) *", rest):
        flags[found[1]] = found[2]
        rest = rest[found.end() :]
    if name == "HEALTHCHECK":
        if not rest.startswith("CMD "):
            raise ValueError(f"not known here: HEALTHCHECK {rest[:40]}")
        rest = rest.removeprefix("CMD ").strip()
    return Instruction(name, flags, rest)
