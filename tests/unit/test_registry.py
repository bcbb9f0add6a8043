"""The door that every processor comes through: what is wrong is said, and stops nobody else."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import processors
from core.errors import ConfigurationError
from processors import registry
from processors.registry import Registry, Unavailable, checked
from tests.tools.processors import Notes, Seen, SeenLines, WholeSession

PLUGIN = """
from typing import NamedTuple

class Mood(NamedTuple):
    word: str

class Moods:
    name, version, kind, pace_s = "{name}", 1, "line", 0.1
    tables = {{"{name}": Mood}}
    match = ("*.jsonl",)

    def rows(self, line):
        yield Mood(line.record.type)
"""


class Other(NamedTuple):
    """A row of nobody else's table."""

    text: str


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Installs a module with entry points as pip would: a folder on the path, with metadata."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def install(module: str, code: str, **points: str) -> None:
        (tmp_path / f"{module}.py").write_text(code, encoding="utf-8")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        lines = "".join(f"{name} = {target}\n" for name, target in points.items())
        (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{lines}")

    yield install
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(
            sys.modules[name].__file__
        ):
            del sys.modules[name]


def variant(base: type, **changes: Any) -> Any:
    """A processor that differs from a good one in some attributes; `...` takes one away."""

    class Variant(base):  # type: ignore[misc]
        def __getattribute__(self, name: str) -> Any:
            value = changes.get(name, object.__getattribute__(self, name))
            if value is ...:
                raise AttributeError(name)
            if isinstance(value, Exception):
                raise value
            return value

    return Variant()


def names(found: Registry) -> list[str]:
    return [processor.name for processor in found.processors]


def reasons(found: Registry) -> dict[str, str]:
    return {one.name: one.reason for one in found.unavailable}


def test_the_built_in_ones_load() -> None:
    found = registry.load()

    assert "usage" in names(found)
    assert found.unavailable == ()


def test_every_kind_is_accepted() -> None:
    found = checked([SeenLines(), WholeSession(), Notes()])

    assert names(found) == ["notes", "seen", "whole"]
    assert found.unavailable == ()


def test_their_order_does_not_depend_on_where_they_were_found() -> None:
    assert names(checked([WholeSession(), SeenLines(), Notes()])) == ["notes", "seen", "whole"]


def test_the_registry_knows_every_pattern_that_somebody_wants() -> None:
    found = checked([SeenLines(), Notes()])

    assert found.patterns == ("*.jsonl", "*.jsonl.gz", "*.jsonl.zst", "NOTES.md")


def test_a_processor_is_found_by_name() -> None:
    notes = Notes()

    assert checked([SeenLines(), notes]).by_name("notes") is notes


def test_an_unknown_name_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError, match="known: notes, seen") as refused:
        checked([SeenLines(), Notes()]).by_name("sean")

    assert refused.value.reason == "unknown_processor"


FAULTS: list[tuple[str, Any, str]] = [
    ("no rows", variant(SeenLines, rows=...), "lacks rows"),
    ("no tables and no match", variant(SeenLines, tables=..., match=...), "lacks tables, match"),
    ("an unknown kind", variant(SeenLines, kind="lines"), "kind 'lines'"),
    ("a kind that is no word", variant(SeenLines, kind=["line"]), "kind"),
    ("no pace", variant(SeenLines, pace_s=...), "needs pace_s in seconds"),
    ("a pace in words", variant(Notes, pace_s="fast"), "needs pace_s in seconds"),
    ("a negative pace", variant(SeenLines, pace_s=-1), "needs pace_s in seconds"),
    ("no quiet time", variant(WholeSession, quiet_s=..., wait_max_s=...), "quiet_s, wait_max_s"),
    ("a wait shorter than quiet", variant(WholeSession, quiet_s=9.0, wait_max_s=1.0), "wait_max_s"),
    ("version 0", variant(SeenLines, version=0), "version must be an integer from 1"),
    ("a version in words", variant(SeenLines, version="1"), "version must be an integer from 1"),
    ("a version too large", variant(SeenLines, version=2**31), "version must be an integer from 1"),
    ("a bad name", variant(SeenLines, name="Seen it"), "not a valid name"),
    ("a name that is no text", variant(SeenLines, name=7), "name"),
    ("a bad table name", variant(SeenLines, tables={"drop table": Seen}), "not a valid name"),
    ("tables as a list", variant(SeenLines, tables=[Seen]), "tables"),
    ("a row type that is no type", variant(SeenLines, tables={"seen": "Seen"}), "row type"),
    ("one row type for two tables", variant(SeenLines, tables={"a": Seen, "b": Seen}), "Seen"),
    ("one pattern instead of several", variant(SeenLines, match="*.jsonl"), "match"),
    ("no pattern", variant(SeenLines, match=()), "match"),
    ("a pattern that is no text", variant(SeenLines, match=(1,)), "match"),
    ("rows that cannot be called", variant(SeenLines, rows=()), "rows"),
    ("an attribute that raises", variant(SeenLines, version=RuntimeError("boom")), "boom"),
    *(
        (f"the engine's own table {table}", variant(SeenLines, tables={table: Seen}), table)
        for table in ("ledger", "files", "quarantine", "quarantine_lines", "processor_tables",
                      "schema_migrations")
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "reason"), [row[1:] for row in FAULTS], ids=[row[0] for row in FAULTS]
)
def test_a_broken_processor_is_listed_with_its_reason_and_stops_nobody(
    broken: Any, reason: str
) -> None:
    found = checked([broken, Notes()])

    assert names(found) == ["notes"]
    assert len(found.unavailable) == 1
    assert reason in found.unavailable[0].reason
    assert found.patterns == ("*.jsonl", "NOTES.md")


def test_of_two_with_one_name_the_second_is_listed() -> None:
    found = checked([SeenLines(), variant(SeenLines, tables={"other": Other})])

    assert names(found) == ["seen"]
    assert reasons(found) == {"seen": "already taken: seen"}


def test_of_two_with_one_table_the_second_is_listed() -> None:
    found = checked([SeenLines(), variant(SeenLines, name="unseen")])

    assert names(found) == ["seen"]
    assert reasons(found) == {"unseen": "already taken: seen"}


def test_what_failed_before_stays_listed() -> None:
    found = checked([SeenLines()], [Unavailable("gone", "ImportError: no")])

    assert reasons(found) == {"gone": "ImportError: no"}


# Outside plug-ins, installed for real.


def test_an_installed_plug_in_joins_through_its_entry_point(installed: Any) -> None:
    installed("moody", PLUGIN.format(name="moods"), moods="moody:Moods")

    found = registry.load()

    assert {"usage", "moods"} <= set(names(found))
    assert found.by_name("moods").tables["moods"]._fields == ("word",)
    assert found.unavailable == ()


@pytest.mark.parametrize(
    ("code", "target", "reason"),
    [
        ("import nosuchmodule", "broken:Moods", "ModuleNotFoundError"),
        ("raise RuntimeError('no licence')", "broken:Moods", "no licence"),
        ("class Half(", "broken:Moods", "SyntaxError"),
        ("import sys; sys.exit(3)", "broken:Moods", "SystemExit"),
        ("", "broken:Moods", "AttributeError"),
        ("def Moods(): raise ValueError('nothing to watch')", "broken:Moods", "nothing to watch"),
        ("Moods = dict", "broken:Moods", "lacks name"),
    ],
)
def test_an_installed_plug_in_that_fails_is_listed_with_its_reason_and_stops_nobody(
    installed: Any, code: str, target: str, reason: str
) -> None:
    installed("broken", code, broken=target)
    installed("moody", PLUGIN.format(name="moods"), moods="moody:Moods")

    found = registry.load()

    assert {"usage", "moods"} <= set(names(found))
    assert len(found.unavailable) == 1
    assert reason in found.unavailable[0].reason


def test_broken_metadata_of_any_distribution_is_listed_and_stops_nobody(
    tmp_path: Path, installed: Any
) -> None:
    installed("moody", PLUGIN.format(name="moods"), moods="moody:Moods")
    (tmp_path / "moody-1.0.dist-info" / "entry_points.txt").write_text(
        f"[{registry.GROUP}]\nmoods\n"
    )

    found = registry.load()

    assert "usage" in names(found)
    assert [one.name for one in found.unavailable] == [registry.GROUP]


def test_a_plug_in_cannot_take_the_place_of_a_built_in_one(installed: Any) -> None:
    installed("thief", PLUGIN.format(name="usage"), usage="thief:Moods")

    found = registry.load()

    assert type(found.by_name("usage")).__module__ == "processors.usage"
    assert reasons(found) == {"usage": "already taken: usage"}


# Built-in ones: every module of the folder.


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """One more folder that `processors` is looked for in."""
    monkeypatch.setattr(processors, "__path__", [*processors.__path__, str(tmp_path)])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("processors."):
            del sys.modules[name]
            delattr(processors, name.removeprefix("processors."))


def test_a_new_module_of_the_folder_is_found_unasked(folder: Path) -> None:
    (folder / "moods.py").write_text(PLUGIN.format(name="moods"))

    assert "moods" in names(registry.load())


def test_a_module_that_does_not_import_is_listed_under_its_name(folder: Path) -> None:
    (folder / "half.py").write_text("class Half(")

    found = registry.load()

    assert "usage" in names(found)
    assert "SyntaxError" in reasons(found)["processors.half"]


def test_a_module_whose_processor_cannot_be_made_is_listed(folder: Path) -> None:
    code = PLUGIN.format(name="moods") + "\n    def __init__(self, wanted): ...\n"
    (folder / "moods.py").write_text(code)

    assert "TypeError" in reasons(registry.load())["processors.moods"]


def test_modules_that_begin_with_an_underscore_and_imported_classes_are_left_out(
    folder: Path,
) -> None:
    (folder / "_draft.py").write_text(PLUGIN.format(name="draft"))
    (folder / "uses.py").write_text("from processors.usage import Usage\n")

    found = registry.load()

    assert "draft" not in names(found)
    assert names(found).count("usage") == 1
    assert found.unavailable == ()
