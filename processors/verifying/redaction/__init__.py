"""Takes secrets and personal data out of a text, before it is stored or leaves the machine.

The rules:
- detectors only say where something is; what they found is merged and replaced once;
- a placeholder `‹kind:code›` is never looked into, and the rest is searched until nothing more is
  found, so redacting a redacted text changes nothing;
- `code` is an HMAC with the key of the installation: equal secrets stay equal within it, and
  without the key nobody can test a guess;
- every place of the redacted text leads back to its place in the original, without the original
  being kept;
- detectors take time linear in the text, whatever it is: a session is hostile input.

What has a format of its own is found by format; other secrets by the name they are assigned to,
and as a last resort by how random they look. A password in plain prose has none of the three.
"""

import hmac
import re
from collections.abc import Iterator, Sequence

from processors.verifying.redaction.assignments import assigned
from processors.verifying.redaction.blocks import key_blocks
from processors.verifying.redaction.formats import formatted
from processors.verifying.redaction.people import personal
from processors.verifying.redaction.randomness import random_looking
from processors.verifying.redaction.spans import Detector, Edit, Finding, Redacted, merged

__all__ = ["PLACEHOLDER", "VERSION", "Detector", "Finding", "Redacted", "Redactor"]

VERSION = 1
"""Raise it when a rule changes: what older versions let through can then be redacted again."""

PLACEHOLDER = re.compile("‹[a-z][a-z0-9-]{0,30}:[0-9a-f]{12}›")
KEY_BYTES_MIN = 16
_PASSES_MAX = 10
# Bidirectional controls, zero-width characters and tags: they hide text from people, and a secret
# from rules. A text is read, and shown, without them.
_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\U000e0000-\U000e007f]"
)
# The order is that of trust: the first finding of several that overlap names them all.
_DETECTORS: tuple[Detector, ...] = (key_blocks, formatted, assigned, personal, random_looking)


class Redactor:
    """Redacts with one installation's key; `extra` detectors are asked as well.

    An extra detector is a pure function from text to findings, for example of a library with
    more rules; it must be linear in the text.
    """

    def __init__(self, key: bytes, extra: Sequence[Detector] = ()) -> None:
        if len(key) < KEY_BYTES_MIN:
            # Not an error of input: whoever wires this up has to bring a key.
            raise ValueError(f"a redaction key has at least {KEY_BYTES_MIN} bytes")
        self._key = key
        self._detectors = (*_DETECTORS, *extra)

    def redact(self, text: str) -> Redacted:
        """The text without secrets, what was found, and the way back to the original."""
        places = _visible_places(text)
        seen = text if places is None else "".join([text[place] for place in places])
        found = self._search(seen)
        return self._replaced(seen, found, places, len(text))

    def code(self, secret: str) -> str:
        """The name of a secret within this installation."""
        return hmac.digest(self._key, secret.encode("utf-8", "replace"), "sha256").hex()[:12]

    def _search(self, text: str) -> list[Finding]:
        """Findings outside placeholders; again in what is left, until a pass finds nothing."""
        given = [Finding("", m.start(), m.end()) for m in PLACEHOLDER.finditer(text)]
        found: list[Finding] = []
        for _ in range(_PASSES_MAX):
            gaps = _gaps(len(text), sorted(given + found, key=lambda f: f.start))
            more = [f for start, end in gaps for f in self._pass(text[start:end], start)]
            if not more:
                break
            found += more
        return sorted(found, key=lambda f: f.start)

    def _pass(self, piece: str, start: int) -> list[Finding]:
        ranked = [list(detect(piece)) for detect in self._detectors]
        return [Finding(f.kind, f.start + start, f.end + start) for f in merged(ranked)]

    def _replaced(
        self, text: str, found: list[Finding], places: list[int] | None, original_size: int
    ) -> Redacted:
        parts: list[str] = []
        edits: list[Edit] = []
        at = size = 0
        for finding in found:
            secret = text[finding.start : finding.end]
            mark = f"‹{finding.kind}:{self.code(secret)}›"
            size += finding.start - at
            edits.append(Edit(size, size + len(mark), finding.start, finding.end))
            parts += (text[at : finding.start], mark)
            at, size = finding.end, size + len(mark)
        parts.append(text[at:])
        return Redacted("".join(parts), tuple(found), tuple(edits), places, original_size)


def _visible_places(text: str) -> list[int] | None:
    """Where each visible character stands; None if all are visible, as nearly always."""
    if _INVISIBLE.search(text) is None:
        return None
    return [place for place, c in enumerate(text) if not _INVISIBLE.match(c)]


def _gaps(size: int, taken: Sequence[Finding]) -> Iterator[tuple[int, int]]:
    at = 0
    for finding in taken:
        if finding.start > at:
            yield at, finding.start
        at = finding.end
    if size > at:
        yield at, size
