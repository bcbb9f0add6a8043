"""Runs a service until a signal ends it.

The rule: handlers of signals only set a flag, and whatever happens the service is stopped in order.
"""

import gc
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from core.errors import ConfigurationError
from processors.registry import Registry
from service.settings import Settings
from service.supervisor import Service


def serve(settings: Settings, registry: Registry, reread: Callable[[], Settings]) -> int:
    """Run until SIGTERM or SIGINT. Exit code 0; 1 if a thread died or the drain took too long.

    SIGHUP takes up what `reread` says now, as far as that goes while running.

    Raises `ConfigurationError` for what a person must mend: no root, a port or database in use.
    """
    if not settings.sources:
        raise ConfigurationError("nothing to watch", hint="name a folder: sessionwatch serve ROOT")
    service = Service(settings, registry)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, service.ask_to_stop)
    signal.signal(signal.SIGHUP, service.ask_to_reload)
    try:
        with _ledger_out_of_sight():
            service.start()
            code = service.wait(reread)
    except BaseException:
        service.stop()
        raise
    return code if service.stop() else 1


@contextmanager
def _ledger_out_of_sight() -> Iterator[None]:
    """The ledger's entries stay: to look through 100 000 of them for garbage is a pause for all."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()  # Else the interpreter would end with them, and DuckDB complains of that.
