"""The commands for the team's knowledge base.

The rule: each asks the endpoint that does it (`service.asking`); only `pull` writes files, and they
are what one bundle says; `eval` measures without any database.
"""

from pathlib import Path
from typing import Annotated, Any
from urllib.parse import quote

import typer

from service.cli_options import DIFFERENT, Config, Db, Json, settings_of
from service.cli_texts import Command, Group

memory = typer.Typer(
    cls=Group, no_args_is_help=True,
    help="The team's knowledge base: list, review, and what agents are told.",
)  # fmt: skip
Item = Annotated[str, typer.Argument(metavar="ID", help="As `memory list` shows it.")]
Items = Annotated[list[str], typer.Argument(metavar="ID...", help="One or more items.")]
Audience = Annotated[
    str | None, typer.Option(help='"all" or "group:NAME"; else it stays as it is.')
]
WhyNeeded = Annotated[str, typer.Option("--reason", help="Kept with the item.")]
RULES = Path(".claude/rules")


@memory.command("list", cls=Command)
def listing(
    search: Annotated[str | None, typer.Option(help="Words that all must be in it.")] = None,
    status: Annotated[str | None, typer.Option(help="Such as pending, approved.")] = None,
    pending: Annotated[
        bool, typer.Option("--pending", help="Only what waits for a decision, the surest first.")
    ] = False,
    page: Annotated[int, typer.Option(min=1, help="Of 50 items each.")] = 1,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """List what the team knows: one line for each fact.

    \b
    sessionwatch memory list --pending
    sessionwatch memory list --search churn --status approved
    """
    from service import printing
    from service.asking import asking

    path = "/api/memory/admin/pending" if pending else "/api/memory"
    with asking(settings_of(db, config)) as asked:
        found = asked.ask("GET", path, search=search, page=page, **_only(status, pending=pending))
    if json:
        printing.as_json(found)
        return
    rows = [
        [one["id"], one["status"], f"{one['confidence']:.2f}", one["people"], one["content"]]
        for one in found["items"]
    ]
    printing.as_table(["id", "status", "sure", "people", "statement"], rows)
    if found["total_pages"] > page:
        printing.note(f"page {page} of {found['total_pages']}: --page {page + 1} has more")


@memory.command(cls=Command)
def show(item: Item, json: Json = False, db: Db = None, config: Config = None) -> None:
    """Show one item: who said it, what was decided, how sure it is.

    \b
    sessionwatch memory show ki_4a5cf07f2f2f4c1e
    """
    from service import printing
    from service.asking import asking

    path = f"/api/memory/{quote(item, safe='')}"
    with asking(settings_of(db, config)) as asked:
        found = {**asked.ask("GET", path), "provenance": asked.ask("GET", f"{path}/provenance")}
    if json:
        printing.as_json(found)
        return
    printing.line(found["content"])
    for name in ("status", "scope", "audience", "people", "confidence", "warnings"):
        printing.line(f"{name:>12}  {found[name] if found[name] is not None else 'all'}")
    for one in found["provenance"]["evidence"]:
        printing.line(f"{one['observed_at']}  {one['user']}: {one['kind']}: {one['quote']}")
    for one in found["provenance"]["history"]:
        printing.line(f"{one['at']}  {one['actor']}: {one['act']} {one['reason'] or ''}".rstrip())


@memory.command(cls=Command)
def approve(
    items: Items,
    audience: Audience = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Put items in force: agents are told them from the next pull on.

    \b
    sessionwatch memory approve ki_4a5cf07f2f2f4c1e --audience group:finance
    """
    _act("approve", items, db, config, json=json, audience=audience)


@memory.command(cls=Command)
def reject(
    items: Items,
    reason: WhyNeeded,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Say no to items; the same fact in other words does not come back for review.

    \b
    sessionwatch memory reject ki_4a5cf07f2f2f4c1e --reason "true for one customer only"
    """
    _act("reject", items, db, config, json=json, reason=reason)


@memory.command(cls=Command)
def mandate(
    items: Items,
    reason: WhyNeeded,
    audience: Audience = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Make items binding. It takes two people: the first asks, another one's mandate gives it.

    \b
    sessionwatch memory mandate ki_4a5cf07f2f2f4c1e --reason "auditors ask for it"
    """
    _act("mandate", items, db, config, json=json, reason=reason, audience=audience)


@memory.command(cls=Command)
def revoke(
    items: Items,
    reason: WhyNeeded,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Take items out of force: the next pull removes them.

    \b
    sessionwatch memory revoke ki_4a5cf07f2f2f4c1e --reason "replaced in May"
    """
    _act("revoke", items, db, config, json=json, reason=reason)


@memory.command(cls=Command)
def bundle(
    person: Annotated[str | None, typer.Option(help="Whose; else what everybody is told.")] = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Show what somebody's agent is told, and what is left out and why.

    \b
    sessionwatch memory bundle --person amara
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("GET", "/api/memory/bundle", person=person)
    if json:
        printing.as_json(found)
        return
    for name, text in found["files"].items():
        printing.note(name)
        printing.line(text.rstrip())
    for left in found["left_out"]:
        printing.note(f"left out: {left['id']}: {left['why']} {left['detail'] or ''}".rstrip())
    printing.note(f"{found['token_estimate']} of {found['token_budget']} tokens")


@memory.command(cls=Command)
def pull(
    into: Annotated[Path, typer.Option(metavar="FOLDER", help="Where the rules are kept.")] = RULES,
    url: Annotated[
        str | None, typer.Option(help="A service elsewhere; its token is in SESSIONWATCH_TOKEN.")
    ] = None,
    person: Annotated[
        str | None, typer.Option(help="Whose bundle, of the service on this machine.")
    ] = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Make a rules folder say what the team knows; what was withdrawn goes first.

    Only files that an earlier pull wrote are changed. For a SessionStart hook: docs/knowledge.md.

    \b
    sessionwatch memory pull --url https://sessions.example.org
    """
    from service import printing
    from service.fetching import fetched
    from service.pulling import pull as carried_out

    found = fetched(url, person) if url else _local(person, db, config)
    done = carried_out(into, found["files"])
    report = {
        "folder": str(into), "digest": found["digest"], "changes": len(done.done),
        "blocked": list(done.blocked), "strays": list(done.strays),
    }  # fmt: skip
    if json:
        printing.as_json(report)
    else:
        for name in done.blocked:
            printing.note(f"in the way, rename it: {into / name}")
        for name in done.strays:
            printing.note(f"nobody knows it, delete it: {into / name}")
        printing.note(f"{into}: {len(found['files'])} files, {len(done.done)} changes")
    if done.blocked:
        raise typer.Exit(DIFFERENT)


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
    found = _asked_model(config, budget_usd) if online else evaluation()
    if json:
        printing.as_json(found)
    else:
        report.show(found)
    if not found["passed"]:
        raise typer.Exit(DIFFERENT)


def _only(status: str | None, *, pending: bool) -> dict[str, Any]:
    return {} if pending else {"status_filter": status}


def _local(person: str | None, db: Path | None, config: Path | None) -> Any:
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        return asked.ask("GET", "/api/memory/bundle", person=person)


def _act(
    act: str, items: list[str], db: Path | None, config: Path | None, *, json: bool, **given: Any
) -> None:
    from service import printing
    from service.asking import asking

    body = {"item_ids": items, "action": act, **{k: v for k, v in given.items() if v is not None}}
    with asking(settings_of(db, config)) as asked:
        found = asked.ask("POST", "/api/memory/admin/batch", body)
    if json:
        printing.as_json(found)
    else:
        for id_, one in found["results"].items():
            said = one["status"] if one["ok"] else f"{one['reason']}: {one['hint']}"
            asks = ", another person's mandate makes it binding" if _asked(one) else ""
            printing.line(f"{id_}  {said}{asks}")
    if not all(one["ok"] for one in found["results"].values()):
        raise typer.Exit(DIFFERENT)


def _asked(one: dict[str, Any]) -> bool:
    return bool(one.get("mandate_asked_by")) and one.get("status") == "approved"


def _asked_model(config: Path | None, budget_usd: str) -> dict[str, Any]:
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
