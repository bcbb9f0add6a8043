"""The commands for people: who is who, and taking somebody out of everything.

The rule: each asks the endpoint of the same name (`service.asking`) and prints what it says.
"""

from typing import Annotated

import typer

from service.cli_options import DIFFERENT, Config, Db, Json, settings_of
from service.cli_texts import Command, Group

people = typer.Typer(
    cls=Group, no_args_is_help=True, help="Who is who: link names, list people, erase somebody."
)
Person = Annotated[str, typer.Argument(help="As reports call them.")]


@people.command("list", cls=Command)
def listing(json: Json = False, db: Db = None, config: Config = None) -> None:
    """List everybody, with the names and folders that mean them.

    \b
    sessionwatch people list
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("GET", "/api/v1/people")
    if json:
        printing.as_json(found)
        return
    rows = [
        [one["person"], " ".join(one["aliases"]), " ".join(one["folders"]), one["files"],
         one["erased_at"] or ""]
        for one in found["people"]
    ]  # fmt: skip
    printing.as_table(["person", "aliases", "folders", "files", "erased_at"], rows)


@people.command(cls=Command)
def link(
    person: Person,
    aliases: Annotated[
        list[str], typer.Argument(metavar="NAME...", help="Folders, accounts, addresses, ids.")
    ],
    move: Annotated[bool, typer.Option("--move", help="Take a name from who has it.")] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Let names mean one person, who then appears once everywhere, also for what was read before.

    An e-mail address also stands for the folder that is called like its part before the @.

    \b
    sessionwatch people link amara amara.diallo@example.org 7d0c9f5e-1b1f-4c3e-9a39-6a9a5a1f2b3c
    """
    from service import printing
    from service.asking import asking

    body = {"person": person, "aliases": aliases, "move": move}
    with asking(settings_of(db, config)) as asked:
        found = asked.ask("POST", "/api/v1/people", body)
    if json:
        printing.as_json(found)
    else:
        printing.note(f"{found['files']} files have another name now")


@people.command(cls=Command)
def unlink(
    alias: Annotated[str, typer.Argument(metavar="NAME", help="It stands for itself again.")],
    db: Db = None,
    config: Config = None,
) -> None:
    """Let a name stand for itself again.

    \b
    sessionwatch people unlink amara.diallo@example.org
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        found = asked.ask("DELETE", f"/api/v1/people/aliases/{alias}")
    printing.note(f"{found['files']} files have another name now")


@people.command(cls=Command)
def erase(
    person: Person,
    confirm: Annotated[str, typer.Option(help="The same name once more: it cannot be undone.")],
    files: Annotated[
        bool, typer.Option("--files", help="Delete the session files below the sources as well.")
    ] = False,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Take everything of a person out of every table, and read nothing of theirs again.

    Says what it took. Without --files the session files stay on disk and are listed. Backups and
    copies elsewhere are not touched. The bytes leave the database file with `sessionwatch compact`.

    \b
    sessionwatch people erase amara --confirm amara --files
    """
    from service import printing
    from service.asking import asking

    path = f"/api/v1/people/{person}/erase"
    with asking(settings_of(db, config)) as asked:
        found = asked.ask("POST", path, {"confirm": confirm, "files": files})
    if json:
        printing.as_json(found)
    else:
        for table, count in found["rows"].items():
            printing.line(f"{count:>10}  {table}")
        printing.line(f"{found['files_deleted']:>10}  files deleted")
        for left in found["files_left"]:
            printing.note(f"still on disk: {left}")
        if found["compaction_needed"]:
            printing.note("their bytes stay in the file until it is rewritten, with the service "
                          "stopped: sessionwatch compact")  # fmt: skip
    if files and found["files_left"]:
        raise typer.Exit(DIFFERENT)


@people.command(cls=Command)
def readmit(person: Person, db: Db = None, config: Config = None) -> None:
    """Read the sessions of somebody who was erased again, if there are any.

    \b
    sessionwatch people readmit amara
    """
    from service import printing
    from service.asking import asking

    with asking(settings_of(db, config)) as asked:
        asked.ask("POST", f"/api/v1/people/{person}/readmit")
    printing.note("the next sweep finds what is there")
