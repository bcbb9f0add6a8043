"""Commands about the database as a file: backup and restore."""

from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli_options import Config, Db, Json, settings_of


def backup(
    file: Annotated[Path, typer.Argument(help="The copy to make.")],
    force: Annotated[bool, typer.Option("--force", help="Replace FILE if it exists.")] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Copy the database, also while the service runs.

    The copy is one file, mode 0600, compared table by table before it gets its name. Commits wait
    only for the checkpoint before it.

    \b
    sessionwatch backup /backup/sessionwatch-monday.duckdb --force
    sessionwatch backup /backup/new.duckdb --json | jq .pause_seconds
    """
    settings = settings_of(db, config)
    from service import printing
    from service.backup import backup as run

    found = run(settings, file, replace=force)
    if json:
        printing.as_json(found)
        return
    printing.line(f"backed up to {_told(found)}")
    printing.note(f"commits waited for {found['pause_seconds']} s")


def restore(
    file: Annotated[Path, typer.Argument(help="What `sessionwatch backup` wrote.")],
    force: Annotated[
        bool, typer.Option("--force", help="Put the database that is there aside.")
    ] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Put a backup in the place of the database; the service must be stopped.

    All of FILE is read and proved before anything is replaced, and the old database is kept beside
    the new one. The next serve or ingest takes what came since.

    \b
    sessionwatch restore /backup/sessionwatch-monday.duckdb --force
    """
    settings = settings_of(db, config)
    from datetime import UTC, datetime

    from service import printing
    from service.backup import restore as run

    found = run(settings, file, replace=force, now=datetime.now(UTC))
    if json:
        printing.as_json(found)
        return
    printing.line(f"restored {_told(found)}")
    if found["kept"]:
        printing.note(f"the old database is {found['kept']}")


def _told(found: dict[str, Any]) -> str:
    size, seconds = found["bytes"] / (1 << 20), found["seconds"]
    return f"{found['file']}: {size:,.1f} MiB, {found['files']:,} files, {seconds:.1f} s"


COMMANDS = (backup, restore)
