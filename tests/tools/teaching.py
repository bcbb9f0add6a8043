"""Sessions in which a person teaches the agent something, and a model that finds just that.

The rule: a session says what becomes of it. A turn with one of the words of `FATES` gets that
answer from the model, whenever and however often it is asked.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processors.llm import reply
from processors.llm.values import Tokens
from tests.tools import anthropic_wire as wire
from tests.tools.anthropic_stub import Stub
from tests.tools.anthropic_wire import Reply
from tests.tools.writers import assistant_line, prompt_line

FATES = {"refused": "forbidden", "truncated": "endless", "invalid": "nonsense"}
"""State of a window → the word in a turn that leads to it."""
_DATA = re.compile(r"<(data-[0-9a-f]+)>\n(.*)\n</\1>", re.S)


def fact(number: int) -> str:
    """Something worth knowing, different for each number."""
    return f"No, the export number {number} runs at {number % 24} o'clock and never before that."


def session(name: str, *said: str) -> bytes:
    """A session file: the agent says something before each prompt of the person."""
    pairs = (
        assistant_line(f"{name}-{place}", text=f"It runs weekly, as far as I can see ({place}).")
        + prompt_line(f"{name}-{place}", text)
        for place, text in enumerate(said)
    )
    return b"".join(pairs)


def write_sessions(root: Path, count: int, *, users: int = 5, odd_every: int = 0) -> dict[str, str]:
    """Session files of some users; the state that each one's window is to end in, by path.

    Each `odd_every`th is one of those to which no good answer is to be had; 0: none is.
    """
    states = list(FATES)
    wanted: dict[str, str] = {}
    for number in range(count):
        odd = bool(odd_every) and number % odd_every == odd_every - 1
        state = states[number // odd_every % len(states)] if odd else "done"
        words = f" It is {FATES[state]}." if odd else ""
        path = Path(f"user{number % users}") / "p" / f"s{number}.jsonl"
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        data = session(f"s{number}", fact(number) + words, "Thanks, go on with the tests then.")
        (root / path).write_bytes(data)
        wanted[str(path)] = state
    return wanted


def taught(body: dict[str, Any]) -> Any:
    """What a perfect model says: each fact with its own words as the quote; of two that seem to
    contradict each other that both hold."""
    shown = list(_shown(body))
    if all("pair" in one for one in shown):
        return {"verdicts": [_verdict(one) for one in shown]}
    turns = [turn for turn in shown if not turn.get("context")]
    text = " ".join(turn["text"] for turn in turns)
    if FATES["refused"] in text:
        return Reply("", "refusal", "cyber")
    if FATES["truncated"] in text:
        return Reply('{"items": [', "max_tokens")
    if FATES["invalid"] in text:
        return Reply('{"unheard_of": true}')
    return {"items": [_item(turn) for turn in turns if "export number" in turn["text"]]}


@dataclass
class Billing:
    """Counts what a stub charged, as the bill at the end of the month would."""

    stub: Stub
    charged: list[Tokens] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    """The user's text of each answered request."""

    def __post_init__(self) -> None:
        inner = self.stub.message

        def message(body: dict[str, Any], fault: Any) -> Any:
            made = inner(body, fault)
            self.charged.append(reply.answer(json.dumps(made).encode()).tokens or Tokens())
            self.answered.append(wire.user_text(body))
            return made

        self.stub.message = message  # type: ignore[method-assign]


def _shown(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    found = _DATA.search(wire.user_text(body))
    assert found, "the data stands between two marks"
    for line in found[2].splitlines():
        yield json.loads(line)


def _verdict(pair: dict[str, Any]) -> dict[str, Any]:
    return {"pair": pair["pair"], "verdict": "both_hold", "reason": "They are two exports."}


def _item(turn: dict[str, Any]) -> dict[str, Any]:
    quote = turn["text"].partition(" and never")[0]
    return {
        "kind": "correction",
        "title": "Export",
        "statement": quote.removeprefix("No, ") + ".",
        "rejected_statement": "It runs weekly.",
        "evidence": [{"turn_id": turn["turn"], "quote": quote}],
        "scope": "team",
        "scope_hint": None,
        "domain": "operations",
        "entities": ["export"],
        "qualifiers": [],
        "valid_from": None,
        "valid_until": None,
        "durable": True,
    }
