"""When a model is asked about conflicts: after intake, once the base rests, as long as pairs wait.

The rule: what waits follows from the tables (`state.memory.judging.questions`), so a kill, an
outage or a used-up budget loses nothing. What gets no usable answer is asked again: after an
outage in a while, after a refusal on another day, by itself.
"""

import logging
from collections.abc import Sequence
from functools import cached_property

from core.errors import SessionwatchError
from core.seams import Clock
from knowledge.judgements import Judgement
from processors.llm.purse import day_of
from processors.llm.stack import Stack
from processors.llm.values import AGAIN, Answer, Outcome
from processors.verifying.redaction import Redactor, kingfisher
from service.judging.question import batches, judgements_in, request_of
from service.model_books import asking_for
from service.model_part import ModelPart
from service.redaction_key import redaction_key
from service.settings import Settings
from service.timer import Timer
from state.memory.base import Base
from state.memory.judging import Question
from state.memory.memory import Memory
from state.operations.model import Asker

log = logging.getLogger("sessionwatch.service")

EVERY_S = 5.0
"""Between two looks. The base must not have changed between them, so that a call has many pairs…"""
LOOKS_MAX = 12
"""…but however much comes in, it is asked after so many."""
LATER_S = 60.0
"""If nobody says how long an outage or a failure is to be waited for."""
KNOWLEDGE = "knowledge"

_Pair = tuple[str, str, str]


class Judging:
    """Owns the thread."""

    def __init__(self, part: ModelPart, settings: Settings, clock: Clock) -> None:
        self._stack: Stack = part.stack
        self._stopping = part.stopping
        self._memory: Memory = part.desk.memory
        self._clock = clock
        self._model = part.config.model
        self._settings = settings
        self._seen: Base | None = None
        self._looks = 0
        self._done: tuple[Base, str] | None = None
        self._not_before_s = clock.monotonic_s()
        self._useless: set[_Pair] = set()
        self._day = ""
        self._timer = Timer({"judge": self.look}, clock, "judging")

    @property
    def alive(self) -> bool:
        return self._timer.alive

    def start(self) -> None:
        self._timer.start()

    def stop(self, timeout_s: float) -> bool:
        """End between two calls; what was not asked is asked after the next start."""
        return self._timer.stop(timeout_s)

    @cached_property
    def _redactor(self) -> Redactor:
        """Compiled when it is needed first."""
        return Redactor(redaction_key(self._settings.db), kingfisher.detectors())

    def look(self) -> float:
        """Ask if there is something to ask and somebody to; seconds until the next look."""
        if self._is_time():
            try:
                self.judge()
            except SessionwatchError as error:
                log.warning("not_judged", extra={"error": error.reason})
                self._wait(LATER_S)
        return EVERY_S

    def judge(self) -> int:
        """Ask about everything that waits, call by call; how many pairs were judged."""
        base, day = self._memory.base(), day_of(self._clock.now_us())
        if day != self._day:
            self._day, self._useless = day, set()
        waiting = [one for one in self._memory.questions() if _pair(one) not in self._useless]
        judged = 0
        for batch in batches(waiting):
            found = self._judged(batch)
            if found is None:
                return judged
            judged += found
        self._done = (base, day)
        if judged:
            log.info("conflicts_judged", extra={"count": judged})
        return judged

    def _is_time(self) -> bool:
        if self._stopping.is_set() or self._stack.offline() is not None:
            return False
        if self._clock.monotonic_s() < self._not_before_s:
            return False
        base = self._memory.base()
        if self._done and self._done[0] is base and self._done[1] == day_of(self._clock.now_us()):
            return False
        rests, self._seen = base is self._seen, base
        self._looks += 1
        if not rests and self._looks < LOOKS_MAX:
            return False
        self._looks = 0
        return True

    def _judged(self, batch: Sequence[Question]) -> int | None:
        """How many pairs of a batch were judged; None if nothing more can be asked now.

        A batch that is refused or cut off is asked in halves: one pair must not keep the others.
        """
        if self._stopping.is_set():
            return None
        answer = self._answer(batch)
        if answer.outcome in AGAIN:
            self._wait(answer.retry_after_s or LATER_S)
            return None
        if answer.outcome is Outcome.DONE:
            return self._kept(batch, answer)
        if len(batch) == 1:
            self._useless.add(_pair(batch[0]))
            return 0
        middle, judged = len(batch) // 2, 0
        for half in (batch[:middle], batch[middle:]):
            found = self._judged(half)
            if found is None:
                return None
            judged += found
        return judged

    def _answer(self, batch: Sequence[Question]) -> Answer:
        """What was answered before, if it was any use; else what is answered on this day."""
        answer = self._ask(batch)
        if answer.recorded and not self._believed(answer, batch):
            return self._ask(batch, self._day)
        return answer

    def _believed(self, answer: Answer, batch: Sequence[Question]) -> list[Judgement]:
        if answer.outcome is not Outcome.DONE:
            return []
        return judgements_in(answer.value, batch, self._redactor)

    def _ask(self, batch: Sequence[Question], day: str = "") -> Answer:
        """What is sent is kept for everybody whose words are in it."""
        people = sorted(frozenset[str]().union(*(one.people for one in batch)))
        asker = Asker(KNOWLEDGE, "contradictions", people[0] if people else "", tuple(people[1:]))
        with asking_for(asker):
            return self._stack.ask(request_of(batch, self._redactor, day))

    def _kept(self, batch: Sequence[Question], answer: Answer) -> int:
        found = self._believed(answer, batch)
        said = {(one.left, one.right, one.said) for one in found}
        self._useless |= {_pair(one) for one in batch} - said
        return self._memory.record_judgements(found, self._model, answer.request_hash)

    def _wait(self, seconds: float) -> None:
        self._not_before_s = self._clock.monotonic_s() + seconds


def _pair(one: Question) -> _Pair:
    return one.left, one.right, one.said
