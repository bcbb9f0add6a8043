"""Commands of operators: run a job, look at runs and the audit, send failed files back, pause.

The rule: each asks the endpoint of the same name (`service.asking`) and prints what it says.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import typer

from service.cli_options import DIFFERENT, After, Config, Db, Json, Limit, OnlyOf, settings_of

Processor = Annotated[str, typer.Argument(help="As `sessionwatch processors` lists it.")]


def run(
    job: Annotated[str, typer.Argument(help="As session-processor:usage; `runs --jobs` has all.")],
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Run a job in the service and wait for it; exit 1 if it did not go well.

    Progress goes to stderr, what became of it to stdout. Ctrl-C ends the run as well.

    \b
    sessionwatch run session-processor:usage
    sessionwatch run session-collector --json | jq .details
    """
    from service.answers import followed
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        started = asked.ask("POST", "/api/v1/runs", {"job": job})
        try:
            finished(followed(asked, started["run_id"]), job, json=json)
        except KeyboardInterrupt:
            asked.ask("POST", f"/api/v1/runs/{started['run_id']}/cancel")
            raise


def runs(
    jobs: Annotated[bool, typer.Option("--jobs", help="Instead, what may be run.")] = False,
    job: OnlyOf = None,
    limit: Limit = 100,
    after: After = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Runs of jobs, newest first, and how each ended.

    \b
    sessionwatch runs
    sessionwatch runs --job rescan --limit 1 --json
    sessionwatch runs --jobs
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        if jobs:
            printing.as_page(asked.ask("GET", "/api/v1/jobs"), "jobs", json=json)
            return
        found = asked.ask("GET", "/api/v1/runs", job=job, limit=limit, after=after)
    printing.as_page(found, "runs", json=json)


def audit(
    action: Annotated[
        str | None, typer.Option(help="Only this, or all that begin with it: token.")
    ] = None,
    actor: Annotated[str | None, typer.Option(help="Only what this one did.")] = None,
    result: Annotated[str | None, typer.Option(help="ok, failed, refused or error.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="A day or time, UTC.")] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="The same; a whole day.")
    ] = None,
    limit: Limit = 100,
    after: After = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Who did what, newest first.

    \b
    sessionwatch audit --since 2026-05-01 --result error
    sessionwatch audit --action token --json
    """
    from service import printing
    from service.asking import asking

    asked_for: dict[str, Any] = {
        "action": action, "actor": actor, "result": result, "since": since, "until": until,
        "limit": limit, "after": after,
    }  # fmt: skip
    with asking(settings_of(db, config)) as asked:
        found = asked.ask("GET", "/api/v1/audit", **asked_for)
    printing.as_page(found, "audit", json=json)


def backlog(json: Json = False, db: Db = None, config: Config = None) -> None:
    """What waits, by processor: files, bytes, for how long, and what failed.

    \b
    sessionwatch backlog
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("GET", "/api/v1/backlog")
    if json:
        printing.as_json(found)
        return
    printing.as_records([{"processor": name, **one} for name, one in found["processors"].items()])


def requeue(
    path: Annotated[
        str | None, typer.Argument(help="A file's path below its root; else all that failed.")
    ] = None,
    processor: OnlyOf = None,
    source: Annotated[str | None, typer.Option(help="Only this source's.")] = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Try failed files now, parked ones as well; the running service does it.

    \b
    sessionwatch requeue
    sessionwatch requeue amara/p/one.jsonl --processor usage
    """
    from service import printing
    from service.asking import asking

    body = {"processor": processor, "source": source, "path": path}
    with asking(settings_of(db, config)) as asked:
        found = asked.ask("POST", "/api/v1/requeue", body)
    if json:
        printing.as_json(found)
        return
    printing.line(f"requeued {found['requeued']}")


def pause(processor: Processor, db: Db = None, config: Config = None) -> None:
    """Give a processor no more files, also after a restart; nothing is forgotten meanwhile.

    \b
    sessionwatch pause usage
    """
    _switch(processor, "pause", db, config)


def resume(processor: Processor, db: Db = None, config: Config = None) -> None:
    """Give a paused processor files again.

    \b
    sessionwatch resume usage
    """
    _switch(processor, "resume", db, config)


def finished(followed: Iterator[Mapping[str, Any]], label: str, *, json: bool) -> None:
    """Show how far a run is and what became of it. Exits with 1 if it did not go well."""
    from service import printing

    last: Mapping[str, Any] = {}
    with printing.progress(label, wanted=not json) as progress:
        for last in followed:
            progress(*_how_far(last["details"]))
    if json:
        printing.as_json(last)
    else:
        figures = {name: one for name, one in last["details"].items() if not isinstance(one, list)}
        printing.as_records([{"state": last["state"], **figures}])
        for failed in last["details"].get("errors_detail", ()):
            printing.note(": ".join(map(str, failed.values())))
    if last["state"] != "ok":
        raise typer.Exit(DIFFERENT)


def _how_far(details: Mapping[str, Any]) -> tuple[int, int]:
    """Of a rescan or of a run of a processor; what says nothing of it is no way yet."""
    total = details.get("matched", details.get("scanned", 0))
    names = ("rebuilt", "failed", "gone", "processed", "skipped", "errors")
    done = sum(one for name in names if isinstance(one := details.get(name, 0), int))
    return min(done, total), total


def _switch(processor: str, verb: str, db: Any, config: Any) -> None:
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("POST", f"/api/v1/processors/{processor}/{verb}")
    printing.note(f"{processor} {'is paused' if found['paused'] else 'works'}")


COMMANDS = (run, runs, audit, backlog, requeue, pause, resume)
