"""The rules of MongoDB's kingfisher as an extra detector: the optional extra `secrets`.

The rules:
- it is asked for places only: nothing is validated with a provider, and what it finds becomes one
  of our placeholders;
- not installed, it is not missed; installed and broken, it is: what it would have found must not
  pass.
"""

import importlib
from collections.abc import Iterator
from importlib.util import find_spec

from core.errors import ConfigurationError
from processors.verifying.redaction.spans import Detector, Finding

VERSION = 1_000
"""What it adds to a version of rows that depend on it: more than those ever count up to, so that
they are made anew when it comes or goes."""
_MODULE = "kingfisher_sdk"


def version() -> int:
    """`VERSION` if it is installed, else 0."""
    return VERSION if find_spec(_MODULE) else 0


def detectors() -> tuple[Detector, ...]:
    """Its detector if it is installed, else none. Compiling its rules takes a second: keep it.

    Raises `ConfigurationError` if it is installed and does not start.
    """
    return (_detector(),) if version() else ()


def _detector() -> Detector:
    try:
        scanner = importlib.import_module(_MODULE).Scanner(dedup=False)
    except Exception as error:  # Foreign code, compiled: whatever it raises, it does not look.
        raise ConfigurationError(
            f"kingfisher does not start ({type(error).__name__})",
            reason="broken_extra",
            hint="mend or remove kingfisher-secret-scanner, start again, `sessionwatch requeue`",
        ) from error

    def detect(text: str) -> Iterator[Finding]:
        data = text.encode("utf-8", "replace")
        for finding in scanner.scan(data):
            place = finding.location
            start = len(data[: place["start_offset"]].decode("utf-8", "ignore"))
            end = len(data[: place["end_offset"]].decode("utf-8", "ignore"))
            if start < end:
                yield Finding("kingfisher", start, end)

    return detect
