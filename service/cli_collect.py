"""The command that collects session files from users' homes.

The rule: it needs no database and no service; what is copied is decided in `service.collecting`.
"""

from typing import Annotated

import typer

from service.cli_options import PARTIAL, Config, Json, settings_of

PATIENCE_S = 10.0
"""A running service holds the drop folder for moments only, except for its runs by the clock."""


def collect(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be copied and touch nothing.")
    ] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Copy users' session files from their homes into the drop folder.

    What is there already is only added to. [collector] of the settings says from where and whereto.
    Needs no database, and may run while the service does.

    \b
    sessionwatch collect --dry-run --config /etc/sessionwatch/sessionwatch.toml
    sessionwatch collect --json
    """
    settings = settings_of(None, config)
    from service import logs, printing
    from service.collecting.collector import Collector

    logs.configure(settings.log_format, None, settings.log_level)
    collector = Collector(settings.collector, patience_s=PATIENCE_S)
    with printing.progress("collecting", wanted=not json) as progress:
        stats = collector.run(dry_run=dry_run, progress=progress)
    printing.as_counts(stats.as_dict(), json=json)
    if stats.errors:
        raise typer.Exit(PARTIAL)


COMMANDS = (collect,)
