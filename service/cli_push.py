"""The command that pushes one's own session files to a service elsewhere.

The rule: it needs no database and no service here; what is sent is decided in `service.pushing`.
"""

import os
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import ConfigurationError, SessionwatchError
from service.cli_options import DIFFERENT, PARTIAL, Config, Json, settings_of

if TYPE_CHECKING:
    from service.pushing.pusher import Stats
    from service.pushing.settings import PushSettings
    from watcher.disk import Disk

TOKEN_VARIABLE = "SESSIONWATCH_TOKEN"  # noqa: S105
HOOK_BYTES_MAX = 1 << 20


def push(
    roots: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[ROOT]...", help="Folders of session files; else the usual ones."),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="The service. [env: SESSIONWATCH_PUSH_URL]")
    ] = None,
    token_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Holds the token; else it is in SESSIONWATCH_TOKEN."),
    ] = None,
    user: Annotated[
        str | None, typer.Option(help="Whose sessions they are, where the token does not say.")
    ] = None,
    exclude: Annotated[
        list[str] | None,
        typer.Option(metavar="PATTERN", help="Paths below the roots that are not pushed."),
    ] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where more of a file is there already.")
    ] = False,
    hook: Annotated[
        bool,
        typer.Option("--hook", help="Only the session that a hook of Claude Code names on stdin."),
    ] = False,
    patience: Annotated[
        float, typer.Option(metavar="SECONDS", min=0, help="To try again what may pass.")
    ] = 60.0,
    plain_http: Annotated[
        bool, typer.Option("--plain-http", help="Send the token without TLS, also elsewhere.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be pushed and ask nobody.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print nothing but errors.")] = False,
    json: Json = False,
    config: Config = None,
) -> None:
    """Push the session files of this machine's agents to a service that takes uploads.

    Only what is new is sent. Without ROOT these are the usual folders of all known agents.

    \b
    sessionwatch push --url https://sessions.example.org --token-file ~/.config/sessionwatch.token
    sessionwatch push ~/.claude/projects --dry-run --json
    """
    from service import printing

    try:
        wanted = _wanted(config, url, token_file, user, exclude)
        only = _transcript() if hook else None
        stats, error = _pushed(
            wanted, roots, only, dry_run=dry_run, replace=replace, patience_s=patience,
            plain_http=plain_http, tells=not (json or quiet),
        )  # fmt: skip
        if not quiet or error or stats.errors:
            printing.as_counts(stats.as_dict(), json=json)
        if error:
            raise error
    except SessionwatchError as error:
        if not hook:
            raise
        # Exit code 2 of a hook would hold the agent up.
        typer.echo(f"error: {error.args[0]}", err=True)
        raise typer.Exit(DIFFERENT) from error
    if stats.errors:
        raise typer.Exit(PARTIAL)


COMMANDS = (push,)


def _wanted(
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    user: str | None,
    exclude: list[str] | None,
) -> "PushSettings":
    file = str(token_file) if token_file else None
    given = {"url": url, "token_file": file, "user": user, "exclude": exclude or None}
    flags: dict[str, Any] = {f"push.{name}": value for name, value in given.items()}
    return settings_of(None, config, roots=None, **flags).push


def _pushed(
    wanted: "PushSettings",
    roots: list[Path] | None,
    only: str | None,
    *,
    dry_run: bool,
    replace: bool,
    patience_s: float,
    plain_http: bool,
    tells: bool,
) -> "tuple[Stats, SessionwatchError | None]":
    """What was pushed, and what ended it early."""
    from service import printing
    from service.pushing import journal
    from service.pushing.places import journal_path
    from service.pushing.pusher import Pusher
    from service.remote import Remote

    disk = _disk(roots, wanted)
    private = _private(wanted)
    remote = None
    if not dry_run:
        remote = Remote(
            wanted.url, _token(wanted), wanted.user, patience_s=patience_s, plain_http=plain_http
        )
    path = journal_path(Path.home(), os.environ, wanted.url, wanted.user)
    with (
        journal.opened(path, patience_s=patience_s, write=not dry_run) as known,
        printing.progress("pushing", wanted=tells) as progress,
    ):
        pusher = Pusher(disk, known, remote, private, replace=replace, progress=progress)
        try:
            return pusher.run(_found(disk, only)), None
        except SessionwatchError as error:
            return pusher.stats, error
        finally:
            if remote:
                remote.close()


def _disk(roots: list[Path] | None, wanted: "PushSettings") -> "Disk":
    from processors import registry
    from service.pushing.places import usual_roots
    from watcher.disk import Disk, Source

    found = roots or usual_roots(Path.home(), os.environ)
    missing = [root for root in found if not root.is_dir()]
    if missing or not found:
        raise ConfigurationError(
            f"there is no folder {missing[0]}" if missing else "no agent has a folder here",
            reason="no_root", hint="name the folders: sessionwatch push ROOT",
        )  # fmt: skip
    patterns = registry.load().patterns
    return Disk(Source.at(root, patterns=patterns, exclude=wanted.exclude) for root in found)


def _private(wanted: "PushSettings") -> Any:
    """Fails closed: a list that is there and cannot be read keeps everything here."""
    from core.private import Private

    if not wanted.private:
        return Private()
    try:
        return Private((Path.home() / wanted.private).read_text("utf-8").splitlines())
    except FileNotFoundError:
        return Private()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            "the list of private sessions cannot be read, so nothing is pushed",
            reason="private_list_unreadable", hint=f"see {wanted.private} in your home folder",
        ) from error  # fmt: skip


def _token(wanted: "PushSettings") -> str:
    if not wanted.token_file:
        return os.environ.get(TOKEN_VARIABLE, "").strip()
    try:
        return Path(wanted.token_file).expanduser().read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{wanted.token_file} cannot be read", reason="no_token", hint="see --token-file"
        ) from error


def _found(disk: "Disk", only: str | None) -> Iterator[Any]:
    from service.pushing.pusher import of_session

    if only is None:
        for source in disk.sources:
            yield from _walked(disk, source.name)
        return
    key = disk.key_of(only)
    if key is None:
        raise ConfigurationError(
            "the hook names a session outside of the roots", reason="not_ours",
            hint="name its root: sessionwatch push ROOT --hook",
        )  # fmt: skip
    yield from of_session(disk, key)


def _walked(disk: "Disk", source: str) -> Iterable[Any]:
    try:
        yield from disk.walk(source)
    except OSError as error:
        raise ConfigurationError(
            f"a root cannot be listed: {error.strerror}", reason="no_root", hint="see its mode"
        ) from error


def _transcript() -> str:
    """The file that a hook's JSON on stdin names."""
    import json

    try:
        found = json.loads(sys.stdin.buffer.read(HOOK_BYTES_MAX))["transcript_path"]
    except (ValueError, KeyError, TypeError, RecursionError):
        found = None
    if not isinstance(found, str) or not found or "\0" in found:
        raise ConfigurationError(
            "there is no transcript_path on stdin", reason="bad_hook",
            hint="--hook is for the hooks of Claude Code: docs/push.md",
        )  # fmt: skip
    return os.path.expanduser(found)
