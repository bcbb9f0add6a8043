"""One process of our own that answers questions, in the order in which they were asked.

The rule: there is no thread between who asks and the pipe. Whoever waits for an answer reads it,
and those before it for the others. A process can be ended at any time, because it only computes;
it notices the death of its parent itself, so that not even SIGKILL leaves one behind.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from multiprocessing import connection
from typing import Any

from core.errors import SessionwatchError, TransientError, with_reason

Answer = Callable[[Any], Any]


class Child:
    """Started at once; `answer` is a module's function, since it must be found over there."""

    def __init__(self, answer: Answer) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, answer), daemon=True)
        self._process.start()
        theirs.close()
        self._asking = threading.Lock()
        self._reading = threading.Lock()
        self._asked: deque[Future[Any]] = deque()
        self.dead = False

    @property
    def asked_count(self) -> int:
        """Questions without an answer yet."""
        return len(self._asked)

    def ask(self, question: Any) -> "Future[Any]":
        """Send a question. The future is only set once somebody waits for this or a later one."""
        future: Future[Any] = Future()
        with self._asking:
            try:
                self._pipe.send(question)
            except OSError:
                self.dead = True  # What it answered before can still be read, and then the end.
            self._asked.append(future)
        return future

    def wait(self, future: "Future[Any]") -> Any:
        """The answer. Raises what it raised over there; `TransientError` if the process died."""
        while not future.done():
            with self._reading:
                if not future.done():
                    self._take()
        return future.result()

    def end(self) -> None:
        """End the process, whatever it does."""
        self.dead = True
        self._process.kill()
        self._process.join()

    def _take(self) -> None:
        try:
            answer, error = self._pipe.recv()
        except Exception:  # The end, or what cannot be read: nothing behind it can be trusted.
            self.dead = True
            while self._asked:
                died = TransientError("a reading process died", reason="backfill_died")
                self._asked.popleft().set_exception(died)
            return
        future = self._asked.popleft()
        if error is None:
            future.set_result(answer)
        else:
            future.set_exception(error)


def _serve(pipe: Any, answer: Answer) -> None:
    """Ctrl-C is the parent's to handle; the parent's death is the child's end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    while True:
        pipe.send(_answered(answer, pipe.recv()))


def _answered(answer: Answer, question: Any) -> tuple[Any, Exception | None]:
    try:
        return answer(question), None
    except (OSError, SessionwatchError) as error:
        return None, error
    except Exception as error:  # Foreign code; its errors may not survive the way back.
        return None, with_reason(error)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
