"""Asks the running service through the private socket beside its database.

The rule: no socket, or nobody behind it, means that no service runs, and the caller may open the
database itself. An answer that is an error becomes the error it was in the service.
"""

import json
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from api.place import address_of, socket_path
from core.errors import ConfigurationError, SessionwatchError, TransientError

__all__ = ["Client", "socket_path"]

CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 120.0


class Client:
    """One request a connection; made from the path of the database."""

    def __init__(self, database: Path, *, timeout_s: float = ANSWER_SECONDS) -> None:
        self.socket_path = socket_path(database)
        self._timeout_s = timeout_s

    def available(self) -> bool:
        """Does a service answer? Raises `ConfigurationError` if it is somebody else's."""
        try:
            _connected(self.socket_path, CONNECT_SECONDS).close()
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return False
        except PermissionError as error:
            raise ConfigurationError(
                f"the service at {self.socket_path} belongs to another user",
                reason="not_your_service", hint="run the command as that user",
            ) from error  # fmt: skip
        except OSError as error:
            raise _silent(self.socket_path, error) from error
        return True

    def get(self, path: str, **parameters: str | int | None) -> Any:
        """The answer to GET; parameters that are None are left out."""
        return self.ask("GET", path, None, **parameters)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The answer to POST with a JSON object."""
        return self.ask("POST", path, body)

    def ask(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, **parameters: Any
    ) -> Any:
        """The answer to any request; parameters that are None are left out."""
        content = None if method == "GET" else json.dumps(body or {}).encode()
        return self._ask(method, target_of(path, parameters), content)

    def _ask(self, method: str, target: str, body: bytes | None) -> Any:
        import http.client  # Most commands find no service and need none of it.

        connection = http.client.HTTPConnection("localhost")
        try:
            connection.sock = _connected(self.socket_path, self._timeout_s)
            connection.request(method, target, body, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
        except (OSError, http.client.HTTPException) as error:
            raise _silent(self.socket_path, error) from error
        finally:
            connection.close()
        return answer_of(response.status, content)


def target_of(path: str, parameters: Mapping[str, Any]) -> str:
    """Path and query string; parameters that are None are left out."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return quote(path, errors="surrogateescape") + (f"?{urlencode(given)}" if given else "")


def _connected(path: Path, timeout_s: float) -> socket.socket:
    asker = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    asker.settimeout(timeout_s)
    try:
        with address_of(path) as address:
            asker.connect(address)
    except BaseException:
        asker.close()
        raise
    return asker


def answer_of(status: int, content: bytes) -> Any:
    try:
        answer = json.loads(content)
    except ValueError as error:
        raise TransientError(
            f"the service gave no JSON answer (status {status})", reason="bad_answer"
        ) from error
    if status < 400:
        return answer
    raise _raised(status, answer["error"] if "error" in answer else {"message": str(answer)[:200]})


def _raised(status: int, error: Mapping[str, str]) -> SessionwatchError:
    kind = ConfigurationError if status < 500 else TransientError
    return kind(error.get("message", ""), reason=error.get("code", ""), hint=error.get("hint", ""))


def _silent(path: Path, error: Exception) -> TransientError:
    return TransientError(
        f"the service at {path} does not answer: {getattr(error, 'strerror', None) or error}",
        reason="service_silent", hint="see its log, or stop it",
    )  # fmt: skip
