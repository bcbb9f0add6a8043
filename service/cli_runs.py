"""Commands that work on session files: serve, ingest, rescan, doctor, process."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ConfigurationError
from service.cli_options import DIFFERENT, PARTIAL, Config, Db, Json, Roots, settings_of

if TYPE_CHECKING:
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
    sessionwatch serve --config /etc/sessionwatch.toml
    curl http://127.0.0.1:8787/readyz
    """
    settings = settings_of(db, config, roots, port=port, host=host)
    _require_sources(settings)
    from processors import registry
    from service import logs, supervisor

    logs.configure(settings.log_format)
    raise typer.Exit(supervisor.serve(settings, registry.load()))


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
    _require_sources(settings)
    from processors import registry
    from service import logs, printing
    from service.answers import patiently
    from service.ingest import ingest as run

    logs.configure(settings.log_format)
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
        printing.note(f"{failed} files failed and will be tried again: sessionwatch quarantine")
        raise typer.Exit(PARTIAL)


def rescan(
    processor: Annotated[str | None, typer.Option(help="Only this one's rows.")] = None,
    session: Annotated[
        str | None, typer.Option(metavar="GLOB", help="Only files whose path below the root fits.")
    ] = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Build rows anew from their files.

    The old ones stay until the new ones are complete.
    A running service does it now; without one, the next serve or ingest does.

    \b
    sessionwatch rescan --processor usage
    sessionwatch rescan --session 'amara/*'
    """
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.rescan(processor, session)
    if json:
        printing.as_json(found)
    else:
        printing.line(f"{found['matched']} files will be read anew")


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
    file by file. Bytes that nobody ingested yet count as a difference: run ingest first.

    \b
    sessionwatch doctor
    sessionwatch doctor --deep demo/sessions
    """
    settings = settings_of(db, config, roots)
    if deep:
        _require_sources(settings)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.complaints()
        have = asked.digests() if deep else {}
    if deep:
        from processors import registry
        from service import doctor as proof

        found += proof.deep(settings, registry.load(), have)
    for line in found:
        printing.line(line)
    if found:
        raise typer.Exit(DIFFERENT)
    printing.note("every table is proved against the files" if deep else "nothing is amiss")


def process(
    file: Annotated[Path, typer.Argument(help="A session file, also .gz or .zst.")],
    processor: Annotated[str, typer.Option(help="Whose rows.")],
    config: Config = None,
) -> None:
    """Print the rows of one file as JSON lines.

    No database is touched: the loop of writing a processor, and a bug report.

    \b
    sessionwatch process session.jsonl --processor usage | jq -c 'select(.table == "tool_calls")'
    """
    settings = settings_of(None, config)
    from processors import registry
    from service import one_file, printing

    for row in one_file.rows(file, registry.load().by_name(processor), settings.limits):
        printing.as_json_line(row)


def _require_sources(settings: "Settings") -> None:
    missing = [source.path for source in settings.sources if not source.path.is_dir()]
    if missing:
        raise ConfigurationError(
            f"{missing[0]} is not a folder", reason="no_such_root", hint="create it first"
        )
    if not settings.sources:
        raise ConfigurationError(
            "no folder is named", reason="no_root",
            hint="sessionwatch serve ~/.claude/projects, or [[source]] in --config",
        )  # fmt: skip


COMMANDS = (serve, ingest, rescan, doctor, process)
