"""All that is known of the SDK: a client, its silence, and what its errors mean.

The rule: imported with the first call, because it takes seconds. The SDK never retries (one layer
does), never takes credentials from where we did not look, and never logs: at debug level it would
write whole prompts.
"""

import email.utils
import logging
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any, NamedTuple, cast

import anthropic
import httpx2
from anthropic import AnthropicError as AnthropicError
from anthropic import APIConnectionError, APIStatusError, APITimeoutError, NotFoundError
from httpx2 import HTTPError as HTTPError

from processors.llm.endpoint import Endpoint
from processors.llm.values import TRANSIENT, Answer, Outcome, Tokens

_CONNECT_S = 10.0
_MESSAGE_CHARS = 300
_QUOTE_CHARS = 24
# Their `error_code`s; the SDK would retry them like any other 429.
_SPEND_LIMITS = {
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "linked_organization_spend_limit_reached",
}
_NEVER_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)
_MISCONFIGURED = {
    401: "the API does not take the key: set ANTHROPIC_API_KEY to one that is valid",
    403: "the key may not do this: see what its workspace is allowed",
    **dict.fromkeys(
        (301, 302, 303, 307, 308),
        "the API has moved, and redirects are not followed: set [model] base_url to where it is",
    ),
    404: "the API does not know the model or the path: check [model] model and base_url, which "
    "must not end in /v1",
}

Results = Generator[tuple[str, Any], None, None]

transform_schema = anthropic.transform_schema


def client(endpoint: Endpoint) -> anthropic.Anthropic:
    """Proxies and certificates come from the environment, as with every HTTP client."""
    _silence()
    return anthropic.Anthropic(
        api_key=endpoint.key,
        base_url=endpoint.base_url,
        timeout=anthropic.Timeout(endpoint.timeout_s, connect=min(_CONNECT_S, endpoint.timeout_s)),
        max_retries=0,
        open_telemetry=False,
        # A redirect would carry what we send to a host that nobody chose.
        http_client=anthropic.DefaultHttpxClient(follow_redirects=False),
    )


def failure(error: AnthropicError, payload: Any) -> Answer:
    """What an error of the SDK means; `payload` is what must not be quoted."""
    if isinstance(error, APIStatusError):
        return _status(error, payload)
    if isinstance(error, APIConnectionError):
        return _connection(error)
    return Answer(Outcome.OUTAGE, reason=type(error).__name__, tokens=None, sent=True)


def error_outcome(error_type: str, message: str) -> tuple[Outcome, str]:
    """What an error object means that comes without a status, in a batch."""
    match error_type:
        case "invalid_request_error":
            return _bad_request(message)
        case "authentication_error" | "permission_error" | "not_found_error":
            return Outcome.MISCONFIGURED, error_type
        case "billing_error":
            return Outcome.SPEND_LIMIT, error_type
        case "rate_limit_error":
            return Outcome.RATE_LIMITED, error_type
        case "overloaded_error":
            return Outcome.OVERLOADED, error_type
        case _:
            return Outcome.OUTAGE, error_type


def batch_create(client: anthropic.Anthropic, items: list[dict[str, Any]]) -> str:
    """The id of a new batch."""
    return client.messages.batches.create(requests=cast("list[Any]", items)).id


class Seen(NamedTuple):
    """A batch as the API lists it."""

    id: str
    ended: bool
    item_count: int


def batch_seen(client: anthropic.Anthropic, batch_id: str) -> Seen | None:
    """None: the API does not know it, or not any more."""
    try:
        return _seen(client.messages.batches.retrieve(batch_id))
    except NotFoundError:
        return None


def batches_seen(client: anthropic.Anthropic) -> Iterator[Seen]:
    """All batches of the key's workspace, newest first."""
    return map(_seen, client.messages.batches.list(limit=100))


def _seen(batch: Any) -> Seen:
    counts = batch.request_counts
    items = (counts.processing, counts.succeeded, counts.errored, counts.canceled, counts.expired)
    return Seen(batch.id, batch.processing_status == "ended", sum(items))


def batch_has(client: anthropic.Anthropic, batch_id: str, custom_ids: set[str]) -> bool:
    """By its first result: a batch is ours as a whole or not at all."""
    with closing(batch_results(client, batch_id)) as results:
        return next(results, ("", None))[0] in custom_ids


def batch_results(client: anthropic.Anthropic, batch_id: str) -> Results:
    """Each item's `custom_id` and result as a dict, in any order. Streamed: read it to its end or
    close it."""
    with closing(client.messages.batches.results(batch_id)) as items:
        for item in items:
            yield item.custom_id, item.result.to_dict(mode="json")


def _status(error: APIStatusError, payload: Any) -> Answer:
    outcome, reason = _status_outcome(error)
    return Answer(
        outcome,
        reason=reason,
        message=_MISCONFIGURED.get(error.status_code) or unquoted(error.api_message, payload),
        # A gateway that gave up waiting does not say whether the model did.
        tokens=None if error.status_code in (408, 499, 504) else Tokens(),
        retry_after_s=_retry_after_s(error.response.headers) if outcome in TRANSIENT else None,
        request_id=error.request_id or "",
        sent=True,
    )


def _status_outcome(error: APIStatusError) -> tuple[Outcome, str]:
    match error.status_code:
        case 401 | 403 | 404:
            return Outcome.MISCONFIGURED, str(error.type or error.status_code)
        case status if status < 400:
            return Outcome.MISCONFIGURED, "redirect"
        case 402:
            return Outcome.SPEND_LIMIT, "billing_error"
        case 429 if error.error_code in _SPEND_LIMITS:
            return Outcome.SPEND_LIMIT, str(error.error_code)
        case 429:
            return Outcome.RATE_LIMITED, error.error_code or "rate_limit_error"
        case 529:
            return Outcome.OVERLOADED, "overloaded_error"
        case 413:
            return Outcome.REJECTED, "too_large"
        case 400:
            return _bad_request(error.api_message or "")
        case status if status < 500 and status not in (408, 409, 499):
            return Outcome.REJECTED, str(status)
        case status:
            return Outcome.OUTAGE, str(status)


def _bad_request(message: str) -> tuple[Outcome, str]:
    """What has a remedy has no code of its own, so the words must do."""
    text = message.lower()
    if "credit balance" in text:
        return Outcome.SPEND_LIMIT, "credit_balance"
    if "thinking" in text:
        return Outcome.REJECTED, "thinking"
    if "grammar" in text or "output_config" in text:
        return Outcome.REJECTED, "schema"
    return Outcome.REJECTED, "invalid_request_error"


def _connection(error: APIConnectionError) -> Answer:
    """Cut off after it was sent, it may have been billed; never connected, it was not."""
    unsent = isinstance(error.__cause__, _NEVER_SENT)
    timeout = isinstance(error, APITimeoutError)
    return Answer(
        Outcome.OUTAGE,
        reason="timeout" if timeout else "connection",
        message=f"no answer from the API ({type(error.__cause__).__name__})",
        tokens=Tokens() if unsent else None,
        sent=True,
    )


def _retry_after_s(headers: httpx2.Headers) -> float | None:
    for name, factor in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        try:
            return max(0.0, float(headers[name]) * factor)
        except (KeyError, ValueError):
            continue
    return _retry_after_date_s(headers.get("retry-after", ""), headers.get("date", ""))


def _retry_after_date_s(until: str, now: str) -> float | None:
    """By the server's own clock, which is the one it speaks of."""
    try:
        wait = email.utils.parsedate_to_datetime(until) - email.utils.parsedate_to_datetime(now)
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())


def unquoted(message: str | None, payload: Any) -> str:
    """What the API says, in one line, unless it repeats what it was sent."""
    line = " ".join((message or "no reason given").split())[:_MESSAGE_CHARS]
    sent = "\n".join(" ".join(text.split()) for text in _texts(payload))
    pieces = (line[at : at + _QUOTE_CHARS] for at in range(len(line) - _QUOTE_CHARS + 1))
    return "(withheld: it quotes the request)" if any(one in sent for one in pieces) else line


def _texts(value: Any) -> Iterator[str]:
    """What users and agents said, wherever it stands: in messages, and items of a batch."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for part in value.values():
            yield from _texts(part)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def _silence() -> None:
    """ANTHROPIC_LOG=debug in the environment would be obeyed while the SDK is imported."""
    for name in ("anthropic", "httpx2", "httpcore2"):
        logging.getLogger(name).setLevel(logging.WARNING)
