"""Answers of a model to the gold set, written by hand: good ones, and every way to be wrong.

The rule: they are handed out by the layer that replays recorded answers and read by the parser and
the proof that read real ones. So they measure what stands between a model and the base, and say
nothing about any model.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from processors.llm.recorded import Recorded
from processors.llm.seams import Recording
from processors.llm.values import Answer, Model, Outcome, Request, Tokens
from processors.verifying.candidates import Domain, title_of
from processors.verifying.requests import question
from processors.verifying.windows import Window
from service.evaluating.cases import Case, Expected, Wrong
from service.evaluating.extractors import REDACTOR, windows
from service.evaluating.transcripts import transcript

MODEL = "recorded"
_ENDED = {"": Outcome.DONE, "refused": Outcome.REFUSED, "truncated": Outcome.TRUNCATED}


class Shelf:
    """Recordings by request hash, in memory."""

    def __init__(self, recordings: dict[str, Recording]) -> None:
        self._recordings = recordings

    def get(self, request_hash: str) -> Recording | None:
        return self._recordings.get(request_hash)

    def put(self, request_hash: str, recording: Recording) -> None:
        self._recordings[request_hash] = recording


class Silent:
    """Nobody answers: what is not recorded stays unanswered."""

    def ask(self, request: Request) -> Answer:
        return Answer(Outcome.OFFLINE, reason="not_recorded")


class Named:
    """Asks under one model's name, which is a part of what answers are recorded by."""

    def __init__(self, inner: Model, model: str) -> None:
        self._inner, self._model = inner, model

    def ask(self, request: Request) -> Answer:
        return self._inner.ask(named(request, self._model))


def named(request: Request, model: str) -> Request:
    return replace(request, model=model)


def replayed(cases: Iterable[Case]) -> Model:
    """A model that says what is written in the cases, and nothing else."""
    shelf = Shelf(dict(_recordings(cases)))
    return Named(Recorded(Silent(), shelf, lambda: 0, lambda _: None), MODEL)


def _recordings(cases: Iterable[Case]) -> Iterator[tuple[str, Recording]]:
    for case in cases:
        for window in windows(transcript(case)):
            request = named(question(window, REDACTOR), MODEL)
            text = case.written.reply or json.dumps({"items": list(_items(case, window))})
            yield (
                request.hash,
                Recording(
                    at_us=0,
                    model=MODEL,
                    outcome=_ENDED[case.written.ended],
                    reason=case.written.ended,
                    text=text,
                    tokens=Tokens(),
                    cost_nano=0,
                ),
            )


def _items(case: Case, window: Window) -> Iterator[dict[str, Any]]:
    for expected in case.expected:
        if not expected.missed:
            yield _item(expected, statement_of(expected), _turn_of(expected.quote, window))
    for wrong in case.wrong:
        said = _item(wrong, wrong.says, wrong.turn or _turn_of(wrong.quote, window))
        yield said | {"scope": wrong.scope, "durable": wrong.durable}


def statement_of(expected: Expected) -> str:
    """How the recorded model puts it."""
    return expected.says or expected.quote


def _turn_of(quote: str, window: Window) -> str:
    """The turn with these words; a model that has them from elsewhere names the last one."""
    said = next((turn for turn in window.turns if quote in turn.text), window.turns[-1])
    return said.turn_id


def _item(said: Expected | Wrong, statement: str, turn_id: str) -> dict[str, Any]:
    """All that the schema wants."""
    return {
        "kind": said.kind.value,
        "title": title_of(statement),
        "statement": statement,
        "rejected_statement": None,
        "evidence": [{"turn_id": turn_id, "quote": said.quote}],
        "scope": "team",
        "scope_hint": None,
        "domain": Domain.DATA.value,
        "entities": [],
        "qualifiers": [],
        "valid_from": None,
        "valid_until": None,
        "durable": True,
    }
