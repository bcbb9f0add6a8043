"""Commands about databases as files: backup, restore, import-predecessor.

The rule: they say what was done and nothing is done here, so that each is one call from a test too.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from service.cli_options import Config, Db, Json, Roots, settings_of


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


def import_predecessor(
    file: Annotated[Path, typer.Argument(help="Its system.duckdb, while nobody writes to it.")],
    roots: Roots = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare the md5 it noted with our files.")
    ] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Take over the predecessor's database as an archive.

    Its states, events, sessions and knowledge go into tables of their own; nothing is counted from
    them. The report says of which sessions only the archive knows. A second time takes only what is
    new. The service must be stopped.

    \b
    sessionwatch import-predecessor /data/state/system.duckdb
    sessionwatch import-predecessor system.duckdb /data/user_sessions --verify
    """
    settings = settings_of(db, config, roots)
    from service import printing
    from service.predecessor import import_from

    found = import_from(settings, file, verify=verify)
    if json:
        printing.as_json(found)
        return
    printing.as_table(
        ["table", "read", "new", "changed", "unchanged", "refused"],
        [
            [name, *(_flat(value) for value in one.values())]
            for name, one in found["tables"].items()
        ],
    )
    for text in _sentences(found):
        printing.line(text)


def _flat(refused: dict[str, int] | int) -> int | str:
    if isinstance(refused, int):
        return refused
    return ", ".join(f"{count:,} {reason}" for reason, count in refused.items())


def _sentences(found: dict[str, Any]) -> Iterator[str]:
    sessions, only = found["sessions"], found["only"]
    yield (
        f"{sessions['all']:,} sessions of {found['users']:,} users: {sessions['ours']:,} ours, "
        f"{sessions['elsewhere']:,} ours under another path, {sessions['only']:,} only there"
    )
    tokens = sum(value for name, value in only.items() if name.endswith("_tokens"))
    yield f"only there: {only['events']:,} events, {tokens:,} tokens"
    if hashes := found.get("hashes"):
        yield "md5: " + ", ".join(f"{count:,} {name}" for name, count in hashes.items())
    if found["absent"]:
        yield f"not in the file: {', '.join(found['absent'])}"


def _told(found: dict[str, Any]) -> str:
    size, seconds = found["bytes"] / (1 << 20), found["seconds"]
    return f"{found['file']}: {size:,.1f} MiB, {found['files']:,} files, {seconds:.1f} s"


COMMANDS = (backup, restore, import_predecessor)
