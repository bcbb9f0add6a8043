"""Commands about the command itself: config check, config show, completion."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import ConfigurationError
from service.cli_options import Config, Db, Json, Roots, config_file
from service.cli_texts import Command, Group

if TYPE_CHECKING:
    from service.loading import Loaded

SHELLS = ("bash", "zsh", "fish")
COMPLETE_VARIABLE = "_SESSIONWATCH_COMPLETE"

Port = Annotated[int | None, typer.Option(help="As for serve.")]
Host = Annotated[str | None, typer.Option(help="As for serve.")]

config = typer.Typer(cls=Group, no_args_is_help=True, rich_markup_mode=None)


@config.callback()
def _describe() -> None:
    """Prove a settings file, or show which settings hold.

    \b
    sessionwatch config check --config sessionwatch.toml
    sessionwatch config show
    """


@config.command(cls=Command)
def check(
    roots: Roots = None,
    port: Port = None,
    host: Host = None,
    db: Db = None,
    config: Config = None,
) -> None:
    """Say everything that is wrong with the settings.

    Exit 2 if anything is. Nothing is started and nothing is written. Every fault is told at once,
    with file and line. A folder that is not there is only noted: the service waits for it.

    \b
    sessionwatch config check --config sessionwatch.toml
    sessionwatch config check --config new.toml && systemctl reload sessionwatch
    """
    loaded = _loaded(roots, config, db=db, port=port, host=host)
    from service import printing

    for source, origin in zip(loaded.settings.sources, loaded.source_origins, strict=True):
        if not source.path.is_dir():
            printing.note(f"{origin.place}: {source.path} is not there, or is not a folder")
    if not loaded.settings.sources:
        printing.note("no folder is named: `serve` and `ingest` will need ROOT")
    printing.note("the settings are right")


@config.command(cls=Command)
def show(
    roots: Roots = None,
    port: Port = None,
    host: Host = None,
    json: Json = False,
    db: Db = None,
    config: Config = None,
) -> None:
    """Print the settings that hold, as TOML, with where each came from.

    Behind each value: file and line, the variable, the flag, or that it is the default.
    What is printed can be used as a settings file.

    \b
    sessionwatch config show > sessionwatch.toml
    sessionwatch config show --config sessionwatch.toml | grep -v '# default'
    """
    loaded = _loaded(roots, config, db=db, port=port, host=host)
    from service import printing, settings_text

    if json:
        printing.as_json(settings_text.as_json(loaded))
    else:
        _print(settings_text.show(loaded))


def completion(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> None:
    """Print the script that completes commands and options in a shell.

    \b
    sessionwatch completion bash > ~/.local/share/bash-completion/completions/sessionwatch
    sessionwatch completion zsh > ~/.zfunc/_sessionwatch       (with ~/.zfunc in $fpath)
    sessionwatch completion fish > ~/.config/fish/completions/sessionwatch.fish
    """
    if shell not in SHELLS:
        raise ConfigurationError(
            f"no completion for {shell!r}", reason="unknown_shell",
            hint=f"known: {', '.join(SHELLS)}",
        )  # fmt: skip
    from typer._completion_shared import get_completion_script

    _print(
        get_completion_script(prog_name="sessionwatch", complete_var=COMPLETE_VARIABLE, shell=shell)
    )


def complete_if_asked() -> None:
    """Be ready to answer a shell that completes: typer only is if it may also edit the user's
    shell files (`add_completion`), which ours does not."""
    if COMPLETE_VARIABLE in os.environ:
        from typer._completion_classes import completion_init

        completion_init()


def _print(text: str) -> None:
    from service import printing

    for line in text.splitlines():
        printing.line(line)


def _loaded(
    roots: list[Path] | None, config: Path | None, **flags: int | str | Path | None
) -> "Loaded":
    from service import loading

    return loading.read(config_file(config), os.environ, flags, roots or (), look=True)
