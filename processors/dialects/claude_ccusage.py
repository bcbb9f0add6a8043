"""Whether ccusage would count a line: it reads bytes where we read records.

The rule: only a line that carries usage is asked, so all others cost one comparison, and its bytes
are searched only once its decoded fields have passed. The answer is one word that travels with
the usage to its row (`core.record.Usage.ccusage`); what ccusage makes of the lines it counts is
SQL (`state/usage/ccusage.sql`).

Rules of ccusage 20.0.24, measured with its binary: the usage object is compact JSON; no object of
the line has null under one of `_NULL_KEYS` (but for the model of an iteration); counts are
integers; a time has one of four lengths; a version starts like 1.2.3; no id is an empty string.
"""

import functools
import re

from processors.dialects.claude_raw import ApiUsage, CacheTiers, Message, ProgressMessage, RawLine

UNSEEN, ALL, DAILY, DAILY_SIDECHAIN = "", "all", "daily", "daily_sidechain"

_USAGE = b'"usage":{'
_ITERATIONS = b'"iterations":['
_NULL_KEYS = (
    "id", "cwd", "model", "speed", "costUSD", "version", "sessionId", "requestId",
    "isApiErrorMessage", "cache_read_input_tokens", "cache_creation_input_tokens",
)  # fmt: skip
# A pattern that begins with a literal is found at the speed of a plain search. Most messages have
# the first three nulls, which are harmless.
_NULL = re.compile(
    'null(?<!_reason":null)(?<!_sequence":null)(?<!Uuid":null)(?:{})'.format(
        "|".join(f'(?<="{key}"{colon}null)' for key in _NULL_KEYS for colon in (":", ": ", " :"))
    ).encode()
)
_MODEL_ENDS = (b'"model":null', b'"model": null', b'"model" :null')
_TIERS_NULL = re.compile(rb'"ephemeral_[51][mh]_input_tokens"\s*:\s*null')
_TIME = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{3})?(?:Z|[+-]\d\d:\d\d)", re.ASCII
).fullmatch
_VERSION = functools.lru_cache(256)(re.compile(r"\d+\.\d+\.\d", re.ASCII).match)
_SPEEDS = (None, "standard", "fast")


def of_message(line: bytes, raw: RawLine, message: Message, usage: ApiUsage) -> str:
    """Of a line that is itself a message: counted by all of ccusage's reports, or by none."""
    if (
        (raw.version is not None and not _VERSION(raw.version))
        or raw.sessionId == ""
        or not _countable(line, message, usage, raw.timestamp, raw.requestId)
        or (raw.costUSD is not None and b'"costUSD":"' in line)
    ):
        return UNSEEN
    return ALL


def of_progress(line: bytes, raw: RawLine, inner: ProgressMessage) -> str:
    """Of a subagent's line inside its caller's: only the daily report looks there."""
    message = inner.message
    if (
        type(message) is not Message
        or message.usage is None
        or raw.sessionId == ""
        or (inner.isSidechain is not None and type(inner.isSidechain) is not bool)
        or not _countable(line, message, message.usage, inner.timestamp, inner.requestId)
        or (inner.costUSD is not None and b'"costUSD":"' in line)
    ):
        return UNSEEN
    return DAILY_SIDECHAIN if inner.isSidechain else DAILY


def _countable(
    line: bytes, message: Message, usage: ApiUsage, time: str | None, request_id: str | None
) -> bool:
    tiers, written, read = (
        usage.cache_creation,
        usage.cache_creation_input_tokens,
        usage.cache_read_input_tokens,
    )
    return (
        type(usage.input_tokens) is int
        and type(usage.output_tokens) is int
        and (written is None or type(written) is int)
        and (read is None or type(read) is int)
        and (tiers is None or _whole(line, tiers))
        and usage.speed in _SPEEDS
        and message.id != ""
        and message.model != ""
        and request_id != ""
        and time is not None
        and _TIME(time) is not None
        # From the end, because the content stands before the usage.
        and line.rfind(_USAGE) >= 0
        and not _has_null(line)
    )


def _whole(line: bytes, tiers: CacheTiers) -> bool:
    """Are both tiers integers or left out? Null is neither."""
    short, long = tiers.ephemeral_5m_input_tokens, tiers.ephemeral_1h_input_tokens
    if type(short) is int and type(long) is int:
        return True
    counts = all(count is None or type(count) is int for count in (short, long))
    return counts and not _TIERS_NULL.search(line)


def _has_null(line: bytes) -> bool:
    found = _NULL.search(line)
    return found is not None and not all(map(_of_iteration, _NULL.finditer(line)))


def _of_iteration(found: re.Match[bytes]) -> bool:
    """Is this the model of an iteration of the usage? Their objects hold no other list."""
    line, end = found.string, found.end()
    if not line.endswith(_MODEL_ENDS, 0, end):
        return False
    start = line.rfind(_ITERATIONS, 0, end)
    usage = line.rfind(_USAGE, 0, start)
    if start < 0 or usage < 0 or line.find(b"]", start, end) >= 0:
        return False
    between = line[usage + len(_USAGE) : start]
    return between.count(b"{") == between.count(b"}")
