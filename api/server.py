"""Serves HTTP from one thread: the reading API over TCP, all of it over the private socket.

The rule: the sockets are opened by `start`, in the caller's thread, so that a busy port is an
error of the start and not of a thread; after that the thread lives until `stop`.
"""

import asyncio
import os
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import uvicorn
from starlette.applications import Starlette

from api.app import application
from api.connection import Connection
from api.guard import HEAD_BYTES_MAX
from api.listening import listen_tcp, listen_unix
from api.parts import Parts

CONNECTIONS_MAX = 256
"""Above this a request is refused with 503, so that a flood cannot take every descriptor."""
_TICK_S = 0.5


class Server:
    """`start`, then `alive` until `stop`. `hosts`: names besides localhost it is called by."""

    def __init__(
        self,
        parts: Parts,
        *,
        host: str,
        port: int,
        socket_path: Path,
        hosts: Iterable[str] = (),
        connections_max: int = CONNECTIONS_MAX,
    ) -> None:
        self._queries = parts.queries
        self._host = host
        self._port = port
        self._socket_path = socket_path
        public = application(parts, hosts=hosts)
        private = application(parts, private=True)
        self._servers = (_uvicorn(public, connections_max), _uvicorn(private, connections_max))
        self._listeners: tuple[socket.socket, ...] = ()
        self._thread = threading.Thread(target=self._run, name="http", daemon=True)
        self._socket_inode = 0

    @property
    def alive(self) -> bool:
        return self._thread.is_alive()

    @property
    def port(self) -> int:
        """The port that is listened on, also where 0 was asked for."""
        return self._port

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(self._host, self._host)  # noqa: S104
        return f"http://[{host}]:{self.port}" if _bare_ipv6(host) else f"http://{host}:{self.port}"

    def start(self) -> None:
        """Open both sockets and serve. Raises `ConfigurationError`, with nothing left open."""
        tcp = listen_tcp(self._host, self._port)
        self._port = tcp.getsockname()[1]
        try:
            private = listen_unix(self._socket_path)
        except BaseException:
            tcp.close()
            raise
        self._socket_inode = os.lstat(self._socket_path).st_ino
        self._listeners = (tcp, private)
        self._thread.start()

    def stop(self, timeout_s: float) -> bool:
        """Finish the requests under way (a second at most), then end. False if it took longer."""
        for server in self._servers:
            server.should_exit = True
        self._queries.interrupt()
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
            self._remove_socket()
        return not self.alive

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        pairs = zip(self._servers, self._listeners, strict=True)
        await asyncio.gather(*(server.serve([listener]) for server, listener in pairs))

    def _remove_socket(self) -> None:
        """Only if it is still ours: a successor may have made its own."""
        with suppress(OSError):
            if os.lstat(self._socket_path).st_ino == self._socket_inode:
                self._socket_path.unlink()


class _Server(uvicorn.Server):
    """Looks twice a second whether to end, not ten times: that was half of what rest costs."""

    async def main_loop(self) -> None:
        while not await self.on_tick(0):
            await asyncio.sleep(_TICK_S)


def _uvicorn(app: Starlette, connections_max: int) -> uvicorn.Server:
    config = uvicorn.Config(
        app,
        http=Connection,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=connections_max,
        timeout_graceful_shutdown=1,
    )
    return _Server(config)


def _bare_ipv6(host: str) -> bool:
    return ":" in host and not host.startswith("[")
