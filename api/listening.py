"""The two sockets the API listens on, opened before anything is served.

The rule: what cannot be opened is told at once, with what to change, and the private socket is
never readable by others, not even for the moment between its making and a change of its mode.
"""

import os
import socket
import stat
from contextlib import suppress
from pathlib import Path

from api.place import address_of
from core.errors import ConfigurationError

_BACKLOG = 128
_ASK_SECONDS = 1.0


def listen_tcp(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises `ConfigurationError`."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except OSError as error:
        raise _refused(f"{host} is not an address of this machine", error) from error
    listener = socket.socket(family, kind)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(f"cannot listen on {host} port {port}", error) from error
    return listener


def listen_unix(path: Path) -> socket.socket:
    """A listening socket that only this user can open; a dead service's leftover is replaced.

    Raises `ConfigurationError` if somebody answers there already.
    """
    _remove_stale(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        # Linux gives the file the mode of the socket, so there is no moment when others may
        # connect and no need to touch the umask, which belongs to all threads.
        os.fchmod(listener.fileno(), 0o600)
        with address_of(path) as address:
            listener.bind(address)
        path.chmod(0o600)
        listener.listen(_BACKLOG)
    except OSError as error:
        listener.close()
        raise _refused(f"cannot listen on {path}", error) from error
    except ConfigurationError:
        listener.close()
        raise
    return listener


def answers(path: Path) -> bool:
    """Does somebody listen there? Raises `OSError` if that cannot be found out."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asker, address_of(path) as address:
        asker.settimeout(_ASK_SECONDS)
        try:
            asker.connect(address)
        except (ConnectionRefusedError, FileNotFoundError):
            return False
    return True


def _remove_stale(path: Path) -> None:
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            raise ConfigurationError(
                f"{path} is in the way and is not a socket", reason="socket_in_the_way",
                hint="move it away, or use another --db",
            )  # fmt: skip
        if answers(path):
            raise ConfigurationError(
                f"another service answers on {path}", reason="already_served",
                hint="stop it first",
            )  # fmt: skip
    except FileNotFoundError:
        return
    except OSError as error:
        raise _refused(f"cannot listen on {path}", error) from error
    with suppress(FileNotFoundError):
        path.unlink()


def _refused(text: str, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{text}: {error.strerror or error}", reason="cannot_listen",
        hint="stop what uses it, or choose another --port, --host or --db",
    )  # fmt: skip
