"""Private keys in blocks of lines: PEM, OpenSSH, PGP.

The rule: plain `find`, and an end that is missing is missing once: a search from each of many
beginnings to the end of the text would be quadratic.
"""

import re
from collections.abc import Iterator

from processors.verifying.redaction.spans import Finding

_BEGIN = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
# A key whose end was cut off: lines, perhaps escaped as in JSON, of base64 and headers.
_BODY = re.compile(r"(?:[\s\\]|[A-Za-z0-9+/=:,. -]{16,}+|[A-Za-z0-9+/=]{4,}+)*+")


def key_blocks(text: str) -> Iterator[Finding]:
    """From the first dash to the last one; a block without an end as far as it looks like one."""
    if "PRIVATE KEY" not in text:
        return
    ends = [match.end() for match in _END.finditer(text)]
    at = index = 0
    while begin := _BEGIN.search(text, at):
        while index < len(ends) and ends[index] <= begin.end():
            index += 1
        body = _BODY.match(text, begin.end())
        at = ends[index] if index < len(ends) else body.end() if body else begin.end()
        yield Finding("private-key", begin.start(), at)
