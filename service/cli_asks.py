"""Commands that ask what is in the database: status, processors, quarantine, usage, sql."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import ConfigurationError
from service.cli_conformance import conform, require_file
from service.cli_options import After, Config, Db, Json, Limit, OnlyOf, settings_of


def status(json: Json = False, db: Db = None, config: Config = None) -> None:
    """Files, bytes and states, in sum and by processor.

    \b
    sessionwatch status
    sessionwatch status --json | jq .files
    """
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.status()
    if json:
        printing.as_json(found)
        return
    by_name = found["processors"]
    printing.as_records([{"processor": name, **counts} for name, counts in by_name.items()])
    for name, reason in found["unavailable"].items():
        printing.note(f"{name} did not load: {reason}")
    if "url" in found:
        state = f"not ready: {'; '.join(found['ready'])}" if found["ready"] else "ready"
        printing.note(f"serving {found['url']}, {state}")


def processors(json: Json = False, db: Db = None, config: Config = None) -> None:
    """Every processor and what it has done.

    Kind, version, tables and files; those that did not load with the reason.

    \b
    sessionwatch processors
    """
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.processors()
    if json:
        printing.as_json({"processors": found})
    else:
        printing.as_records(found)


def quarantine(
    limit: Limit = 100,
    after: After = None,
    processor: OnlyOf = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Lines and files that are not in the tables.

    Each with its reason: a line by the byte it starts at, a file that failed by its error.

    \b
    sessionwatch quarantine
    sessionwatch quarantine --json | jq .reasons
    """
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.quarantine(limit, after or "", processor)
    printing.as_page(found, "quarantine", json=json)


def usage(
    report: Annotated[str, typer.Argument(help="daily, session, model, …: see below.")],
    expected: Annotated[
        Path | None, typer.Argument(help="For conformance: what ccusage printed.")
    ] = None,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
    timezone: Annotated[
        str, typer.Option("--timezone", "-z", metavar="TZ", help="Whose days, as Europe/Berlin.")
    ] = "UTC",
    since: Annotated[str | None, typer.Option(metavar="DAY", help="First day, YYYY-MM-DD.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DAY", help="Last day, included.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user's.")] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent's.")] = None,
    explain: Annotated[
        str | None,
        typer.Option(metavar="KEY", help="What this row is made of, or total."),
    ] = None,
    counting: Annotated[
        str | None,
        typer.Option("--as", metavar="COUNTING", help="As ccusage-daily, -session or -codex."),
    ] = None,
    instances: Annotated[
        bool, typer.Option("--instances", help="With --as: daily by project.")
    ] = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """What was used: tokens, cost and tool calls.

    REPORT is daily, weekly, monthly, blocks, session, project, user, agent, model, skill, plugin,
    subagent, mcp, pr, version, quota, tool or command.

    With --as, what ccusage 20.0.24 would print of the same Claude Code sessions, for which it
    counts in two ways; conformance says where we differ from what it did print.

    \b
    sessionwatch usage daily
    sessionwatch usage session --since 2026-05-01 --user amara
    sessionwatch usage daily --json -z Europe/Berlin | jq .totals
    sessionwatch usage tool --csv > tools.csv
    sessionwatch usage daily --explain 2026-05-01
    sessionwatch usage weekly --as ccusage-session --json
    sessionwatch usage conformance ccusage-daily.json
    """
    if json and csv:
        raise ConfigurationError("--json and --csv exclude each other")
    require_file(report, expected)
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    options = {
        "timezone": timezone, "since": since, "until": until, "user": user, "agent": agent,
        "explain": explain, "as": counting,
        "instances": "true" if instances else None,
    }  # fmt: skip
    with answers(settings) as asked:
        if expected is not None:
            conform(asked, expected, options, json=json)
            return
        found = asked.usage(report, options)
    if json:
        printing.as_json(found)
        return
    if counting:
        found = printing.listed(found)
    columns, rows, totals = printing.report_rows(found)
    if csv:
        printing.as_csv(columns, rows)
        return
    if not counting:
        columns, rows, totals = printing.telling(columns, rows, totals)
    printing.as_table(columns, rows, footer=totals)
    if found.get("more"):
        printing.note(f"and {found['more']:,} cheaper messages, in the totals as well")


def sql(
    query: Annotated[str, typer.Argument(help="One SELECT.")],
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Ask the tables in SQL.

    One statement that reads, with a limit on time and rows; also while the service runs.

    \b
    sessionwatch sql 'show tables'
    sessionwatch sql 'select "user", count(*) from usage_tool_calls group by all' --json
    """
    settings = settings_of(db, config)
    from service import printing
    from service.answers import answers

    with answers(settings) as asked:
        found = asked.sql(query)
    if json:
        printing.as_json(found)
    else:
        printing.as_table(found["columns"], found["rows"], grouped=False)
    if found["truncated"]:
        printing.note(f"cut off after {len(found['rows'])} rows")


COMMANDS = (status, processors, quarantine, usage, sql)
