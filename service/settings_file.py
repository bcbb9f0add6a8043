"""Reads the TOML file of settings and remembers the line of everything it says.

The rule: what is in the file and unknown, or of the wrong shape, is a fault with its line; what
the values may be is for the rules of `service.settings` to say.
"""

import difflib
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

_HEADER = re.compile(r"\s*\[(\[)?\s*([\w.-]+)\s*\]")
_KEY = re.compile(r"\s*([\w.-]+)\s*=")
_SYNTAX_LINE = re.compile(r"at line (\d+)")


class Given(NamedTuple):
    """A value before it is checked: where it stands, how it is written, what relative means."""

    place: str
    value: Any
    base: Path


class Entry(NamedTuple):
    """One table of a list such as [[source]], and where it stands."""

    values: dict[str, Given]
    place: str


class FileContent(NamedTuple):
    """Settings by name (those of a table as `table.name`), and the entries of each list."""

    values: dict[str, Given]
    lists: Mapping[str, list[Entry]]


class KnownList(NamedTuple):
    """A list such as [[source]]: the names of an entry, those it needs, what an entry is for."""

    names: Collection[str]
    needed: Sequence[str]
    each: str


class Known(NamedTuple):
    """The names a file may use: at the top, in each table, and in the entries of each list."""

    top: Collection[str]
    tables: Mapping[str, Collection[str]]
    lists: Mapping[str, KnownList]

    def everything(self) -> list[str]:
        """All names, whichever table they belong to."""
        inner = (*self.tables.values(), *(one.names for one in self.lists.values()))
        return [*self.top, *(name for names in inner for name in names), *self.lists, *self.tables]


NOTHING = FileContent({}, {})


def read(config: Path, known: Known, faults: list[str]) -> FileContent:
    """What the file says; all that is wrong with it is added to `faults`."""
    try:
        content = config.read_text("utf-8")
        values = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        line = _SYNTAX_LINE.search(str(error))
        faults.append(f"{config}:{line[1] if line else content.count(chr(10)) + 1}: {error}")
        return NOTHING
    except (OSError, UnicodeDecodeError) as error:
        faults.append(f"{config}: cannot be read: {getattr(error, 'strerror', error)}")
        return NOTHING
    file = _File(config, _lines(content), known, faults)
    tables = {name: values.pop(name, {}) for name in known.tables}
    lists = {name: values.pop(name, []) for name in known.lists}
    found = file.members(values, known.top, ())
    for name, table in tables.items():
        inner = file.members(table, known.tables[name], (name,))
        found |= {f"{name}.{key}": given for key, given in inner.items()}
    return FileContent(
        found,
        {name: list(file.entries(lists[name], name, one)) for name, one in known.lists.items()},
    )


class _File(NamedTuple):
    config: Path
    line_by_key: Mapping[tuple[str, ...], int]
    known: Known
    faults: list[str]

    def place(self, key: tuple[str, ...]) -> str:
        """`file:line` of a key, or of the table it is in."""
        while key and key not in self.line_by_key:
            key = key[:-1]
        return f"{self.config}:{self.line_by_key.get(key, 1)}"

    def entries(self, tables: Any, name: str, known: KnownList) -> Iterator[Entry]:
        """The tables of a list; those without what is needed are faults."""
        if not isinstance(tables, list):
            self.faults.append(
                f"{self.place((name,))}: {name}: write [[{name}]] for each {known.each}"
            )
            return
        for number, table in enumerate(tables):
            where = (name, str(number))
            values = self.members(table, known.names, where)
            missing = [needed for needed in known.needed if needed not in values]
            if not missing:
                yield Entry(values, self.place(where))
            elif isinstance(table, dict):
                self.faults.append(f"{self.place(where)}: {', '.join(missing)} is missing")

    def members(
        self, table: Any, names: Collection[str], where: tuple[str, ...]
    ) -> dict[str, Given]:
        """The known keys of a table; the others are faults."""
        if not isinstance(table, dict):
            self.faults.append(f"{self.place(where)}: {where[0]} is not a table")
            return {}
        for name in table.keys() - set(names):
            near = difflib.get_close_matches(name, self.known.everything(), 1)
            hint = f"did you mean {near[0]}?" if near else f"known: {', '.join(names)}"
            self.faults.append(f"{self.place((*where, name))}: unknown setting {name}: {hint}")
        base = self.config.absolute().parent
        return {
            name: Given(self.place((*where, name)), value, base)
            for name, value in table.items()
            if name in names
        }


def _lines(content: str) -> dict[tuple[str, ...], int]:
    """Line numbers by key, as well as they can be told without a parser of one's own."""
    found: dict[tuple[str, ...], int] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(content.splitlines(), 1):
        if header := _HEADER.match(line):
            table = tuple(header[2].split("."))
            if header[1]:
                table += (str(sum(key[:-1] == table for key in found)),)
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault((*table, *key[1].split(".")), number)
    return found
