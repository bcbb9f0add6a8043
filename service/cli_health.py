"""The command that says how the running service is.

The rule: nothing is judged here but that nobody answers, which is unhealthy as well.
"""

from typing import Any

import typer

from service.cli_options import DIFFERENT, Config, Db, Json, settings_of


def health(json: Json = False, db: Db = None, config: Config = None) -> None:
    """Say how every part of the running service is, and what to do; exit 1 if it is unhealthy.

    That nothing runs is unhealthy as well. Of parts that are well --json alone tells.

    \b
    sessionwatch health
    sessionwatch health --json | jq -r '.checks[] | select(.status != "ok") | .text'
    """
    from service import printing
    from service.client import Client

    settings = settings_of(db, config)
    client = Client(settings.db)
    if not client.available():
        found: dict[str, Any] = _nobody()
    else:
        found = client.get("/api/health/detailed")
    if json:
        printing.as_json(found)
    else:
        _print(found)
    if found["status"] == "unhealthy":
        raise typer.Exit(DIFFERENT)


def _nobody() -> dict[str, Any]:
    check = {
        "name": "service", "status": "error", "text": "no service runs on this database",
        "do": "start it: sessionwatch serve", "facts": {},
    }  # fmt: skip
    return {"status": "unhealthy", "checks": [check]}


def _print(found: dict[str, Any]) -> None:
    from service import printing

    printing.line(found["status"])
    odd = [check for check in found["checks"] if check["status"] != "ok"]
    for check in odd:
        printing.line(f"{check['status']:>8}  {check['name']}: {check['text']}")
        if check["do"]:
            printing.line(f"{'':>8}  -> {check['do']}")


COMMANDS = (health,)
