"""What the commands share: options, the settings they lead to, and exit codes."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:  # Costs time that a command may not need.
    from service.settings import Settings

OK, DIFFERENT, WRONG_USE, IN_USE, PARTIAL = range(5)

Roots = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[ROOT]...", help="Folders of session files. [env: SESSIONWATCH_ROOTS]"),
]
Db = Annotated[
    Path | None,
    typer.Option(
        "--db",
        metavar="FILE",
        help="The database. [env: SESSIONWATCH_DB; default: ./sessionwatch.duckdb]",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="TOML settings. [env: SESSIONWATCH_CONFIG]"),
]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="Rows to show.")]
After = Annotated[str | None, typer.Option(help="The `next` of the page before.")]
OnlyOf = Annotated[str | None, typer.Option(help="Only this one's.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings_of(
    db: Path | None, config: Path | None, roots: list[Path] | None = None, **flags: Any
) -> "Settings":
    """What file, environment and flags say; raises `ConfigurationError` with all faults."""
    from service import loading

    return loading.load(config_file(config), os.environ, {"db": db, **flags}, roots or ())


def config_file(config: Path | None) -> Path | None:
    """The settings file that counts, if any."""
    named = os.environ.get("SESSIONWATCH_CONFIG")
    return config or (Path(named) if named else None)
