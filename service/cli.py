"""The `sessionwatch` command: its commands and what it exits with (`docs/cli.md`).

The rule: nothing but the command line itself is imported before a command knows that it needs
it, because a command that starts slowly is not used in scripts and prompts.
"""

from typing import Annotated, Any

import typer

from core.errors import ConfigurationError, SessionwatchError
from service import (
    cli_asks,
    cli_backup,
    cli_collect,
    cli_config,
    cli_memory,
    cli_people,
    cli_runs,
    cli_token,
)
from service.cli_options import DIFFERENT, IN_USE, WRONG_USE
from service.cli_texts import Command, Group


class _Commands(Group):
    """Turns our errors into two lines on stderr and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except SessionwatchError as error:
            typer.echo(f"error: {error.args[0]}", err=True)
            if error.hint:
                typer.echo(f"hint: {error.hint}", err=True)
            raise typer.Exit(exit_code(error)) from error


app = typer.Typer(
    cls=_Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Exit codes: 0 done; 1 differences or failures; 2 wrong use or settings; 3 the database "
    "is in use and nobody answers; 4 done, but some files failed. More in docs/cli.md.",
)

for _command in (
    *cli_runs.COMMANDS,
    *cli_collect.COMMANDS,
    *cli_asks.COMMANDS,
    *cli_backup.COMMANDS,
    cli_config.completion,
):
    app.command(cls=Command)(_command)
app.add_typer(cli_config.config, name="config")
app.add_typer(cli_memory.memory, name="memory")
app.add_typer(cli_people.people, name="people")
app.add_typer(cli_token.token, name="token")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"sessionwatch {version('sessionwatch')}")
        raise typer.Exit


@app.callback()
def _describe(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """Turn coding-agent session logs into DuckDB rows, exactly once.

    \b
    sessionwatch serve ~/.claude/projects     watch, process, serve HTTP on 127.0.0.1:8787
    sessionwatch ingest ~/.claude/projects    bring the database up to date and exit
    sessionwatch usage daily                  what was used, day by day
    """


def exit_code(error: SessionwatchError) -> int:
    """What a script may conclude from an error."""
    if error.reason == "database_locked":
        return IN_USE
    return WRONG_USE if isinstance(error, ConfigurationError) else DIFFERENT


def main() -> None:
    """What the `sessionwatch` script calls."""
    cli_config.complete_if_asked()
    app(prog_name="sessionwatch")


if __name__ == "__main__":
    main()
