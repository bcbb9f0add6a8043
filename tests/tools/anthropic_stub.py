"""A server that speaks Anthropic's API (Messages, Batches, Models, token counts) and goes wrong as
told: `python -m tests.tools.anthropic_stub --script "429:1=5% refusal=1%"`.

The rule: a real server on a real port, so that the SDK, its transport and a proxy are tested as
they are. Answers come from a function of the request; every request is kept for assertions.
"""

import argparse
import json
import os
import re
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from tests.tools import anthropic_wire as wire
from tests.tools.anthropic_answers import AnswerOf, ruled, sampled
from tests.tools.anthropic_batches import Batches
from tests.tools.anthropic_script import Fault, Script, error_of, spoilt
from tests.tools.anthropic_wire import ApiError, Reply

SLOW_S = 3600.0
_BODY_MAX_BYTES = 256 << 20


class Received(NamedTuple):
    """A request as it came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


class Stub:
    """What the server knows; `requests` is all that came. `script` is what calls and items of
    batches meet, `batch_script` what sending a batch and reading its results does."""

    def __init__(
        self,
        script: str | Script = "",
        *,
        answer: AnswerOf = sampled,
        key: str = "",
        models: tuple[str, ...] = wire.MODELS,
        polls: int = 1,
    ) -> None:
        self.script = script if isinstance(script, Script) else Script(script)
        self.batch_script = Script()
        self.requests: list[Received] = []
        self.closing = threading.Event()
        self.url = ""
        self.batches = Batches(self._item, self.script.shuffled, polls)
        self.answer = answer
        self._key = key
        self._models = models
        self._systems: set[str] = set()
        self._count = 0
        self._lock = threading.Lock()

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The bodies of all single calls."""
        return [one.body for one in self.requests if one.path == "/v1/messages"]

    def number(self) -> int:
        with self._lock:
            self._count += 1
            return self._count

    def admit(self, headers: dict[str, str]) -> None:
        """Raises what a request without version or key gets."""
        given = headers.get("authorization", "").removeprefix("Bearer ")
        given = given or headers.get("x-api-key", "")
        if not given or (self._key and given != self._key):
            raise ApiError(401, "authentication_error", "invalid x-api-key")
        if "anthropic-version" not in headers:
            raise wire.invalid("anthropic-version: header is required")

    def message(self, body: dict[str, Any], fault: Fault) -> Any:
        """The answer to a Messages request; raises `ApiError`."""
        if error := error_of(fault) if fault.kind != "grammar" or "tools" not in body else None:
            raise error
        wire.check_message(body, self._models)
        system = wire.texts(body.get("system", ""))
        with self._lock:
            seen = system in self._systems
            self._systems.add(system)
        reply = spoilt(self._reply(body), fault)
        return wire.message(body, reply, message_id=f"msg_{self.number():06}", seen=seen)

    def get(self, path: str) -> Any:
        """Models and batches."""
        if path == "/v1/models":
            found = [wire.model_info(name) for name in self._models]
            return {"data": found, "has_more": False, "first_id": None, "last_id": None}
        name = path.removeprefix("/v1/models/")
        if name in self._models:
            return wire.model_info(name)
        raise ApiError(404, "not_found_error", f"not found: {path}")

    def _reply(self, body: dict[str, Any]) -> Reply:
        said = self.answer(body)
        if isinstance(said, Reply):
            return said
        text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
        return Reply(text, "tool_use" if body.get("tool_choice") else "end_turn")

    def _item(self, body: dict[str, Any]) -> dict[str, Any]:
        """The result of one item of a batch."""
        fault = self.script.next()
        if fault.kind in ("expired", "canceled"):
            return {"type": fault.kind}
        try:
            return {"type": "succeeded", "message": self.message(body, fault)}
        except ApiError as error:
            return {"type": "errored", "error": error.body(f"req_{self.number():06}")}


class Handler(BaseHTTPRequestHandler):
    """One connection; `stub` is set by `served`."""

    protocol_version = "HTTP/1.1"
    stub: Stub

    def log_message(self, *_: Any) -> None:
        """Nothing: what came is in `requests`."""

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._post)

    def do_DELETE(self) -> None:
        self._answered(lambda path, _: self.stub.batches.delete(path.rpartition("/")[2]))

    def _answered(self, work: Callable[[str, Any], Any]) -> None:
        stub, request_id = self.stub, f"req_{self.stub.number():06}"
        path = self.path.partition("?")[0]
        headers = {name.lower(): value for name, value in self.headers.items()}
        size = min(int(self.headers.get("content-length") or 0), _BODY_MAX_BYTES)
        body = json.loads(self.rfile.read(size) or b"null")
        stub.requests.append(Received(self.command, path, headers, body))
        try:
            stub.admit(headers)
            answer = work(path, body)
        except ApiError as error:
            after = {"retry-after": error.retry_after} if error.retry_after else {}
            self._send(error.status, error.body(request_id), request_id, after)
        else:
            if answer is not None:
                self._send(200, answer, request_id, {})

    def _get(self, path: str, _: Any) -> Any:
        batches = self.stub.batches
        found = re.fullmatch(r"/v1/messages/batches(?:/([^/]+)(/results)?)?", path)
        if not found:
            return self.stub.get(path)
        if not found[1]:
            return batches.all()
        if not found[2]:
            return batches.get(found[1], self.stub.url)
        lost = self._lost(self.stub.batch_script.next())
        return None if lost else batches.results(found[1])

    def _post(self, path: str, body: Any) -> Any:
        if path == "/v1/messages":
            return self._message(body)
        if path == "/v1/messages/count_tokens":
            return {"input_tokens": wire.prompt_tokens(body)}
        if path == "/v1/messages/batches":
            return self._batch(body)
        if found := re.fullmatch(r"/v1/messages/batches/([^/]+)/cancel", path):
            return self.stub.batches.cancel(found[1], self.stub.url)
        raise ApiError(404, "not_found_error", f"not found: {path}")

    def _batch(self, body: Any) -> Any:
        fault = self.stub.batch_script.next()
        if self._lost(fault):
            return None
        if error := error_of(fault):
            raise error
        wire.check_batch(body)
        return self.stub.batches.create(f"msgbatch_{self.stub.number():06}", body["requests"])

    def _message(self, body: Any) -> Any:
        fault = self.stub.script.next()
        return None if self._lost(fault) else self.stub.message(body, fault)

    def _lost(self, fault: Fault) -> bool:
        """Whether the connection fails instead of an answer."""
        if fault.kind == "slow":
            self.stub.closing.wait(float(fault.argument or SLOW_S))
        play = {"reset": self._reset, "cut": self._cut, "html": self._html}.get(fault.kind)
        if fault.kind == "redirect":
            play = partial(self._redirect, fault.argument)
        if play:
            play()
        return play is not None

    def _reset(self) -> None:
        """The connection is reset before a byte is answered."""
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        os.close(self.connection.detach())
        self.close_connection = True

    def _cut(self) -> None:
        """The answer ends in its middle."""
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", "4096")
        self.end_headers()
        self.wfile.write(b'{"id": "msg_')
        self.close_connection = True

    def _redirect(self, address: str) -> None:
        self.send_response(307)
        self.send_header("location", address)
        self.send_header("content-length", "0")
        self.end_headers()

    def _html(self) -> None:
        """Somebody between us answers instead."""
        page = b"<html>Please log in</html>"
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def _send(self, status: int, answer: Any, request_id: str, more: dict[str, str]) -> None:
        lines = isinstance(answer, bytes)
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("content-type", "application/x-jsonl" if lines else "application/json")
            self.send_header("content-length", str(len(data)))
            self.send_header("request-id", request_id)
            self.send_header("anthropic-ratelimit-requests-remaining", "49")
            for name, value in more.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True  # Who asked did not wait for it.


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


@contextmanager
def served(stub: Stub, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[Stub]:
    """The stub on a port of its own while the block runs; `stub.url` says where."""
    server = _Server((host, port), type("StubHandler", (Handler,), {"stub": stub}))
    stub.url = f"http://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), name="anthropic-stub")
    thread.start()
    try:
        yield stub
    finally:
        stub.closing.set()
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    about, _, _ = (__doc__ or "").partition("\n\n")
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8089)
    parser.add_argument("--script", default="", help='such as "529 429:12 ok 429:1=5%%"')
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--polls", type=int, default=1, help="looks until a batch has ended")
    parser.add_argument("--rules", type=Path, help='[{"match": "regex", "answer": …}, …]')
    given = parser.parse_args()
    answer = ruled(given.rules) if given.rules else sampled
    stub = Stub(Script(given.script, seed=given.seed), answer=answer, polls=given.polls)
    with served(stub, host=given.host, port=given.port):
        print(f"{stub.url}  (any key will do; set [model] base_url to this)", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(stub.requests)} requests", file=sys.stderr)


if __name__ == "__main__":
    main()
