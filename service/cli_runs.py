"""Commands that work on session files: serve, ingest, rescan, doctor, process."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ConfigurationError
from service.cli_options import DIFFERENT, PARTIAL, Config, Db, Json, Roots, settings_of

if TYPE_CHECKING:
    from service.answers import Answers
    from service.settings import Settings


def serve(
    roots: Roots = None,
    port: Annotated[int | None, typer.Option(help="0 takes a free one. [default: 8787]")] = None,
    host: Annotated[str | None, typer.Option(help="[default: 127.0.0.1]")] = None,
    db: Db = None,
    config: Config = None,
) -> None:
    """Watch, process and serve HTTP until SIGTERM or Ctrl-C.

    \b
    sessionwatch serve demo/sessions
    sessionwatch serve --config /etc/sessionwatch.toml    (SIGHUP reads it again)
    curl http://127.0.0.1:8787/readyz
    """

    def read() -> "Settings":
        return settings_of(db, config, roots, port=port, host=host)

    settings = read()
    _require_sources(settings, [root for root in roots or () if root.expanduser().exists()])
    from processors import registry
    from service import logs, serving
    from service.answers import require_no_service

    logs.configure(settings.log_format, None, settings.log_level)
    require_no_service(settings)
    raise typer.Exit(serving.serve(settings, registry.load(), read))


def ingest(
    roots: Roots = None,
    include_sessions: Annotated[
        bool, typer.Option("--all", help="Also the processors that wait for sessions to end.")
    ] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Bring the database up to date once.

    One sweep over the folders without quiet times, everything drained, a summary.

    \b
    sessionwatch ingest ~/.claude/projects
    sessionwatch ingest demo/sessions --json --db /tmp/demo.duckdb
    """
    settings = settings_of(db, config, roots)
    _require_sources(settings, roots)
    from processors import registry
    from service import logs, printing
    from service.answers import patiently, require_no_service
    from service.ingest import ingest as run

    logs.configure(settings.log_format, None, settings.log_level)
    require_no_service(settings)
    known = registry.load()
    with printing.progress("ingesting", wanted=not json) as progress:
        summary = patiently(
            lambda: run(settings, known, include_sessions=include_sessions, progress=progress)
        )
    failed = summary.pop("failed", 0)
    if json:
        printing.as_json(summary)
    else:
        printing.as_table(list(summary), [list(summary.values())])
    if failed:
        printing.note(f"{failed} files failed: `sessionwatch quarantine` says why")
        raise typer.Exit(PARTIAL)


def rescan(
    processor: Annotated[str | None, typer.Option(help="Only this one's rows.")] = None,
    session: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only files whose path below the root fits.")
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait", help="Until they are built; exit 1 if some could not be.")
    ] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Build rows anew from their files.

    The old ones stay until the new ones are complete.
    A running service does it now; without one, the next serve or ingest does.

    \b
    sessionwatch rescan --processor usage
    sessionwatch rescan --session 'amara/*' --wait
    """
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.rescan(processor, session)
        if wait:
            from service.cli_operate import finished

            finished(asked.follow(found), "rebuilding", json=json)
            return
    if json:
        printing.as_json(found)
    else:
        printing.line(f"matched {found['matched']}: their rows will be built anew")


def doctor(
    roots: Roots = None,
    deep: Annotated[
        bool, typer.Option("--deep", help="Read every file again and compare every table.")
    ] = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Say what is amiss; exit 1 if anything is.

    With --deep the folders are ingested into an empty database beside, and each table is compared
    file by file; the tally is held against a count of all rows. Bytes that nobody ingested yet are
    a difference: run ingest first.

    How agents changed the way they write is noted on stderr; it is nothing amiss here.

    \b
    sessionwatch doctor
    sessionwatch doctor --deep demo/sessions
    """
    settings = settings_of(db, config, roots)
    if deep:
        _require_sources(settings, roots)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.complaints()
        have = asked.digests() if deep else {}
        if deep:
            found += [f"tally: {one} is counted otherwise" for one in asked.wrong_messages()]
        changes = _changes(asked)
    if deep:
        from processors import registry
        from service import doctor as proof

        found += proof.deep(settings, registry.load(), have)
    for line in found:
        printing.line(line)
    for change in changes:
        printing.note(change)
    if found:
        raise typer.Exit(DIFFERENT)
    printing.note("every table is proved against the files" if deep else "nothing is amiss")


def _changes(asked: "Answers") -> list[str]:
    """How agents changed; nothing where usage was never processed."""
    from state.usage import drift

    try:
        return list(drift.notes(asked.usage("version", {})))
    except ConfigurationError as error:
        if error.reason != "no_such_table":
            raise
        return []


def compact(
    if_needed: Annotated[
        bool, typer.Option("--if-needed", help="Only if somebody was erased since the last time.")
    ] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Write the database file anew, without what was deleted.

    Bytes of deleted rows stay in the file otherwise. The service must be stopped. The new file is
    compared with the old one in every table before it takes its place; it needs as much room again.

    \b
    sessionwatch compact --db /var/lib/sessionwatch/sessionwatch.duckdb
    sessionwatch compact --if-needed            (after `people erase`, before each start)
    """
    settings = settings_of(db, config)
    from service import printing
    from service.compact import compact as run

    found = run(settings, if_needed=if_needed)
    if json:
        printing.as_json(found)
    elif found["done"]:
        printing.line(f"{found['bytes_before']} bytes before, {found['bytes']} now")
    else:
        printing.note("nobody was erased: nothing to do")


def process(
    file: Annotated[Path, typer.Argument(help="A session file, also .gz or .zst.")],
    processor: Annotated[str, typer.Option(help="Whose rows.")],
    config: Config = None,
) -> None:
    """Print the rows of one file as JSON lines.

    No database is touched: the loop of writing a processor, and a bug report.

    \b
    sessionwatch process one.jsonl --processor usage | jq -c 'select(.table == "usage_tool_calls")'
    """
    settings = settings_of(None, config)
    from processors import registry
    from service import one_file, printing

    for row in one_file.rows(file, registry.load().by_name(processor), settings.limits):
        printing.as_json_line(row)


def _require_sources(settings: "Settings", roots: Sequence[Path] | None) -> None:
    """A folder that was typed must exist, unless the service can wait for it."""
    missing = [root for root in roots or () if not root.expanduser().is_dir()]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} is not a folder", reason="no_such_root", hint="create it first"
        )
    if not settings.sources:
        raise ConfigurationError(
            "no folder is named", reason="no_root",
            hint="name one, as ~/.claude/projects, or [[source]] in --config",
        )  # fmt: skip


COMMANDS = (serve, ingest, rescan, doctor, compact, process)
