"""The commands for the language model: how it stands, what was asked and what was sent.

The rule: each asks the endpoint of the same name (`service.asking`) and prints what it says.
"""

from typing import Annotated, Any

import typer

from service.cli_options import Config, Db, Json, settings_of
from service.cli_texts import Command, Group

model = typer.Typer(
    cls=Group, no_args_is_help=True, help="The language model: its budget, its calls, what we sent."
)


@model.command(cls=Command)
def status(json: Json = False, db: Db = None, config: Config = None) -> None:
    """Say whether it can be asked, what may still be spent, and what is left to read.

    \b
    sessionwatch model status
    """
    from service import printing

    found = _asked(db, config, "GET", "/api/v1/model")
    if json:
        printing.as_json(found)
        return
    printing.line(f"{found['state']}: {found['message'] or found['model'] or 'no processor asks'}")
    budget = found["budget"]
    if budget:
        for span in ("day", "month"):
            spent, cap = budget[f"{span}_spent_nano"], budget[f"{span}_nano"]
            printing.line(f"{span}: {_dollars(spent)} of {_dollars(cap)}")
        printing.line(f"calls today: {budget['calls_today']} of {budget['calls_per_day']}")
    batches = found["batches"]
    if batches and (batches["enabled"] or batches["batches"]):
        printing.line(
            f"batches: {batches['batches']} with {batches['requests']} requests under way, "
            f"{batches['waiting']} requests wait for the next"
        )
    rows = [[state, count] for state, count in found["windows"].items()]
    printing.as_table(["windows", "count"], rows)


@model.command(cls=Command)
def calls(
    outcome: Annotated[str | None, typer.Option(help="Only those that ended so.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="The newest so many.")] = 20,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """List calls, newest first, with their cost.

    \b
    sessionwatch model calls --outcome refused
    """
    from service import printing

    wanted = {"limit": limit, **({"outcome": outcome} if outcome else {})}
    found = _asked(db, config, "GET", "/api/v1/model/calls", **wanted)["calls"]
    if json:
        printing.as_json(found)
        return
    rows = [
        [one["at"], one["model"], one["outcome"], one["reason"], _dollars(one["cost_nano"]),
         one["latency_ms"], one["request_hash"][:16]]
        for one in found
    ]  # fmt: skip
    printing.as_table(["at", "model", "outcome", "reason", "cost", "ms", "request"], rows)


@model.command(cls=Command)
def sent(
    request: Annotated[str, typer.Argument(help="The hash of a request, or its beginning.")],
    db: Db = None,
    config: Config = None,
) -> None:
    """Print exactly what was sent, and what came back, as JSON. That somebody looked is audited.

    \b
    sessionwatch model sent 4f2a91c07be3d5a8
    """
    from service import printing

    printing.as_json(_asked(db, config, "GET", f"/api/v1/model/sent/{request}"))


@model.command(cls=Command)
def retry(json: Json = False, db: Db = None, config: Config = None) -> None:
    """Ask again about windows that were refused, cut off or answered with nonsense.

    Without a running service, the next serve or ingest --all does.

    \b
    sessionwatch model retry
    """
    from service import printing

    found = _asked(db, config, "POST", "/api/v1/model/retry")
    if json:
        printing.as_json(found)
    else:
        printing.line(f"{found['files']} session files will be read again")


def _asked(db: Db, config: Config, method: str, path: str, **parameters: Any) -> Any:
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        return asked.ask(method, path, None, **parameters)


def _dollars(nano: int) -> str:
    return f"${nano / 1e9:.4f}"
