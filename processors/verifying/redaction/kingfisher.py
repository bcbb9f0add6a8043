"""The rules of MongoDB's kingfisher as an extra detector: the optional extra `secrets`.

The rule: it is asked for places only. Its findings keep their secrets to themselves, nothing is
validated with a provider, and what it finds becomes one of our placeholders.
"""

import importlib
from collections.abc import Iterator

from core.errors import ConfigurationError
from processors.verifying.redaction.spans import Detector, Finding


def kingfisher() -> Detector:
    """A detector with kingfisher's rules; compiling them takes seconds, so keep it.

    Raises `ConfigurationError` if the package is not installed.
    """
    try:
        scanner = importlib.import_module("kingfisher_sdk").Scanner(dedup=False)
    except ImportError as error:
        raise ConfigurationError(
            "kingfisher is not installed",
            reason="missing_extra",
            hint="install sessionwatch[secrets], or leave the setting out",
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
