"""The commands for tokens.

The rule: each asks the endpoint of the same name (`service.asking`) and prints what it says.
"""

from typing import Annotated

import typer

from service.cli_options import Config, Db, Json, settings_of
from service.cli_texts import Command, Group

token = typer.Typer(
    cls=Group, no_args_is_help=True, help="Who may ask the service over TCP: make, list, revoke."
)


@token.command(cls=Command)
def create(
    name: Annotated[str, typer.Argument(help="Whose or what for; it is the actor in the audit.")],
    role: Annotated[str, typer.Option(help="admin, analyst or metrics.")] = "admin",
    person: Annotated[
        str | None, typer.Option(help="Whose sessions an analyst sees: a user of the reports.")
    ] = None,
    days: Annotated[int | None, typer.Option(help="It ends after so many; else never.")] = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Make a token and print it: it cannot be shown again.

    Only its digest is kept. With the first one, development mode ends.

    \b
    sessionwatch token create grafana --role metrics
    sessionwatch token create amara --role analyst --person amara --days 90
    """
    from service import printing
    from service.asking import asking

    body = {"name": name, "role": role, "person": person, "days": days}
    with asking(settings_of(db, config)) as asked:
        made = asked.ask("POST", "/api/v1/tokens", body)
    if json:
        printing.as_json(made)
        return
    printing.line(made["token"])
    printing.note(f"token {made['id']} of {name}, {role}: keep it, it is not shown again")


@token.command("list", cls=Command)
def listing(json: Json = False, db: Db = None, config: Config = None) -> None:
    """List the tokens, without their text.

    \b
    sessionwatch token list
    sessionwatch token list --json | jq -r '.tokens[] | select(.revoked_at == null).id'
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("GET", "/api/v1/tokens")
    if json:
        printing.as_json(found)
        return
    names = ("id", "name", "role", "person", "created_at", "last_used_at", "expires_at",
             "revoked_at")  # fmt: skip
    printing.as_table(names, [[one[name] or "" for name in names] for one in found["tokens"]])


@token.command(cls=Command)
def revoke(
    token_id: Annotated[str, typer.Argument(metavar="ID", help="As `token list` shows it.")],
    db: Db = None,
    config: Config = None,
) -> None:
    """Refuse a token from now on.

    \b
    sessionwatch token revoke 3f2a9c11d04e
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("DELETE", f"/api/v1/tokens/{token_id}")
    printing.note(f"token {found['id']} of {found['name']} is refused from now on")
