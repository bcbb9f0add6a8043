"""`sessionwatch usage conformance`: where we differ from what ccusage printed.

The rule: the file says which report and which counting are compared; the options must be those
ccusage was given, which the file does not say.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from core.errors import ConfigurationError
from service.cli_options import DIFFERENT

if TYPE_CHECKING:
    from service.answers import Answers

CONFORMANCE = "conformance"


def require_file(report: str, expected: Path | None) -> None:
    """A file belongs to this report and to no other. Raises `ConfigurationError`."""
    if (report == CONFORMANCE) == (expected is not None):
        return
    raise ConfigurationError(
        f"{report} takes {'a' if expected is None else 'no'} file", reason="wrong_use",
        hint="sessionwatch usage conformance FILE, with what `ccusage claude … --json` printed",
    )  # fmt: skip


def conform(
    asked: "Answers", expected: Path, options: Mapping[str, str | None], *, json: bool
) -> None:
    """Print what differs; raises `typer.Exit` with 1 if anything does."""
    from service import printing
    from state.usage import ccusage_difference as comparing

    theirs = _read(expected)
    kind = comparing.recognised(theirs)
    wanted = {
        **options,
        "as": options.get("as") or kind.counting,
        "instances": "true" if kind.instances else None,
    }
    found = comparing.difference(theirs, asked.usage(kind.name, wanted))
    about = {
        "report": kind.name,
        "counting": wanted["as"],
        "rows": comparing.row_count(theirs),
        "differences": found,
    }
    if json:
        printing.as_json(about)
    else:
        _print(found, f"{kind.name} as {about['counting']}, {about['rows']} rows")
    if found:
        raise typer.Exit(DIFFERENT)


def _print(found: list[dict[str, Any]], about: str) -> None:
    from service import printing

    if found:
        columns = list(found[0])
        printing.as_table(columns, [[one[name] for name in columns] for one in found])
    printing.note(f"{about}: {len(found) or 'no'} differences")


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path}: {error.strerror}", reason="no_such_file") from error
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(
            f"{path} is not JSON", reason="not_a_report", hint="print it with --json"
        ) from error
