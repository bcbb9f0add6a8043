"""The gold set as people wrote it: sessions in a few words, and what is to be found in them.

The rule: a case is data. Which part it belongs to (seen: rules may be tuned on it; held: they may
not) follows from a digest of its name, so nobody chose it.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from typing import Literal

import msgspec

from processors.verifying.candidates import Kind
from service.evaluating.planting import planted

Part = Literal["seen", "held"]
Speaker = Literal["person", "agent", "tool", "meta", "summary", "side"]
Flaw = Literal[
    "paraphrased", "agents_words", "tool_words", "obeyed", "not_own_words", "invented_turn",
    "invented_number", "too_short", "one_person", "one_task", "secret", "misread", "steering",
]  # fmt: skip
_SPEAKERS: tuple[Speaker, ...] = ("agent", "tool", "meta", "summary", "side")
_HELD_SHARE = 3


class Expected(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something to be found: it rests on `quote`, and its statement has all `words` in it.

    `says` is how the recorded model puts it ("": in the words of the quote); `missed`: it did not
    see it.
    """

    kind: Kind
    quote: str
    words: list[str]
    says: str = ""
    missed: bool = False


class Wrong(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Something the recorded model says as well, and what is wrong with it."""

    flaw: Flaw
    kind: Kind
    quote: str
    says: str
    turn: str = ""
    scope: str = "team"
    durable: bool = True


class _Written(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One `[[case]]`. `about` is the kind of what is expected, or why nothing is."""

    name: str
    about: str
    said: list[str]
    expected: list[Expected] = []
    answers: list[Wrong] = []
    bait: list[str] = []
    dialect: str = "claude"
    entrypoint: str = "cli"
    ended: Literal["", "refused", "truncated"] = ""
    reply: str = ""


class _File(msgspec.Struct, forbid_unknown_fields=True):
    case: list[_Written]


@dataclass(frozen=True, slots=True)
class Case:
    """A case with its secrets in place. `said` are (who, words) in order; `secrets` may not get
    out of the session; `wrong` has them in it where the written one has a place for them."""

    written: _Written
    language: str
    said: tuple[tuple[Speaker, str], ...]
    wrong: tuple[Wrong, ...]
    secrets: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.written.name

    @property
    def expected(self) -> list[Expected]:
        return self.written.expected

    @property
    def part(self) -> Part:
        """A third is held back."""
        digest = hashlib.sha256(self.name.encode()).digest()
        return "held" if digest[0] % _HELD_SHARE == 0 else "seen"

    @property
    def own_words(self) -> list[str]:
        """What the person typed, turn by turn."""
        return [words for who, words in self.said if who == "person"]


@lru_cache(maxsize=1)
def gold() -> tuple[Case, ...]:
    """All cases, in order of files and of what is written in them."""
    folder = resources.files("service.evaluating") / "gold"
    files = sorted((one for one in folder.iterdir()), key=lambda one: one.name)
    return tuple(
        _case(written, file.name[:2])
        for file in files
        if file.name.endswith(".toml")
        for written in msgspec.toml.decode(file.read_bytes(), type=_File).case
    )


def _case(written: _Written, language: str) -> Case:
    filled = [planted(text, written.name) for text in written.said]
    wrong = tuple(
        msgspec.structs.replace(one, says=planted(one.says, written.name)[0])
        for one in written.answers
    )
    secrets = tuple(dict.fromkeys(secret for _, found in filled for secret in found))
    return Case(written, language, tuple(_spoken(text) for text, _ in filled), wrong, secrets)


def _spoken(text: str) -> tuple[Speaker, str]:
    """`agent: …` and the like; everything else is a person's."""
    for speaker in _SPEAKERS:
        if text.startswith(f"{speaker}: "):
            return speaker, text.removeprefix(f"{speaker}: ")
    return "person", text
