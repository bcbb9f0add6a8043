"""The commands for what is taught in sessions.

The rule: measuring touches no database, and nothing is sent unless `--online` says so.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from service.cli_options import DIFFERENT, Config, Json, settings_of
from service.cli_texts import Command, Group

if TYPE_CHECKING:
    pass

memory = typer.Typer(
    cls=Group, no_args_is_help=True, help="What people teach their agents, and how well it is read."
)


@memory.command("eval", cls=Command)
def evaluate(
    online: Annotated[
        bool, typer.Option("--online", help="Ask the model of the settings as well. It costs.")
    ] = False,
    budget_usd: Annotated[
        str, typer.Option(metavar="USD", help="What --online may cost at most.")
    ] = "0.50",
    export: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write the sessions there as well.")
    ] = None,
    json: Json = False,
    config: Config = None,
) -> None:
    """Measure how well knowledge is found, on sessions made for it.

    Needs no database, no network and no key, and changes nothing. Exits with 1 if a criterion does
    not hold.

    \b
    sessionwatch memory eval
    sessionwatch memory eval --json | jq '.extractors.rules.held'
    sessionwatch memory eval --online --budget-usd 0.20
    """
    from service import printing
    from service.evaluating import report
    from service.evaluating.evaluation import evaluation

    if export is not None:
        _export(export)
    found = _asked(config, budget_usd) if online else evaluation()
    if json:
        printing.as_json(found)
    else:
        report.show(found)
    if not found["passed"]:
        raise typer.Exit(DIFFERENT)


def _asked(config: Path | None, budget_usd: str) -> dict[str, Any]:
    from service.evaluating.evaluation import evaluation
    from service.evaluating.online import budget_of
    from service.evaluating.online import online as asking

    with asking(settings_of(None, config), budget_of(budget_usd)) as model:
        return evaluation(model)


def _export(folder: Path) -> None:
    from service import printing
    from service.evaluating.cases import gold
    from service.evaluating.transcripts import write

    printing.note(f"{write(gold(), folder)} sessions written to {folder}")
