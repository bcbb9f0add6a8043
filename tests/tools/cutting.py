"""A wire that can be cut: passes bytes on in both directions until so many went one way.

The rule: where it cuts is counted in bytes of the request, so a test can cut at every one.
"""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress


class Wire:
    """`cut_after`: bytes towards the service, over all connections; None passes all."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.cut_after: int | None = None
        self.passed = 0
        self.connections = 0
        self._address = address
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                self.connections += 1
                far = socket.create_connection(self._address)
                for pair, counted in (((near, far), True), ((far, near), False)):
                    threading.Thread(target=self._pass, args=(*pair, counted), daemon=True).start()

    def _pass(self, start: socket.socket, end: socket.socket, counted: bool) -> None:
        with suppress(OSError):
            while data := start.recv(65536):
                kept = self._kept(data) if counted else data
                end.sendall(kept)
                if len(kept) < len(data):
                    break
        for one in (start, end):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def _kept(self, data: bytes) -> bytes:
        with self._lock:
            if self.cut_after is not None:
                data = data[: max(0, self.cut_after - self.passed)]
            self.passed += len(data)
            return data


@contextmanager
def wire_to(host: str, port: int) -> Iterator[Wire]:
    wire = Wire((host, port))
    try:
        yield wire
    finally:
        wire.close()
