"""A document of notes (`CLAUDE.local.md`) taken apart into statements, by rules and offline.

The rule: words are copied and never made up. A statement is a list entry or a sentence as it
stands, with the headings above it; code, tables, comments, front matter and links are no
statements, and neither is what the base itself once delivered.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from knowledge.labels import Sensitivity, domain, entities, sensitivity, topics
from knowledge.rendering import TAG
from knowledge.text import normalised
from knowledge.values import item_id

WORDS_MIN = 3
CHARS_MAX = 1000
"""More than this is no statement; 500 was too little for notes of the predecessor."""
TITLE_CHARS = 60

_HEADING = re.compile(r"^ {0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_UNDERLINE = re.compile(r"^ {0,3}(?:=+|-{3,})\s*$")
_BULLET = re.compile(r"^(\s*)(?:[-*+•]|\d{1,3}[.)])\s+(?:\[[ xX]\]\s+)?(.*)$")
_FENCE = re.compile(r"^\s*(```+|~~~+)")
_SKIPPED = re.compile(
    r"^\s*(?:\|.*\||@\S+|\[[^\]]+\]:\s.*|(?:https?://\S+)|<[^>]+>|[-*_=\s]{3,})\s*$"
)
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_OWN = re.compile(rf"<{TAG}\b.*?(?:</{TAG}>|\Z)", re.DOTALL | re.IGNORECASE)
_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\s*(?:\n|\Z)", re.DOTALL)
_QUOTE = re.compile(r"^\s*(?:>\s?)+")
_SHORT = ("e.g", "i.e", "z.B", "bzw", "etc", "vs", "ca", "např", "tzv", "p.ej")
_ABBREVIATION = "".join(rf"(?<!\b{re.escape(short)}\.)" for short in _SHORT)
_SENTENCE_END = re.compile(
    _ABBREVIATION + r"(?<!\b\w\.)(?<!\d\.)(?<=[.!?])\s+(?=[\"'“„«(`]?[A-ZÀ-ŽĀ-Ž0-9`])"
)


@dataclass(frozen=True, slots=True)
class NoteStatement:
    """One statement of a note. `line`: where it starts, from 1. `personal`: kept from others."""

    id: str
    text: str
    title: str
    headings: tuple[str, ...]
    line: int
    domain: str
    tags: tuple[str, ...]
    entities: tuple[str, ...]
    sensitivity: frozenset[Sensitivity]

    @property
    def personal(self) -> bool:
        """Whatever has a label stays its owner's."""
        return bool(self.sensitivity)


@dataclass(frozen=True, slots=True)
class _Block:
    text: str
    line: int
    headings: tuple[str, ...]


def statements(document: str, *, known_entities: Iterable[str] = ()) -> tuple[NoteStatement, ...]:
    """The statements of a document in their order, each once."""
    known = tuple(known_entities)
    found: dict[str, NoteStatement] = {}
    for block in _blocks(_blanked(document)):
        for sentence in _SENTENCE_END.split(block.text):
            text = sentence.strip()
            if _is_statement(text) and (id_ := item_id(text)) not in found:
                found[id_] = _statement(id_, text, block, known)
    return tuple(found.values())


def _statement(id_: str, text: str, block: _Block, known: tuple[str, ...]) -> NoteStatement:
    context = " ".join((*block.headings, text))
    return NoteStatement(
        id=id_,
        text=text,
        title=_title(text),
        headings=block.headings,
        line=block.line,
        domain=domain(text) or domain(context),
        tags=topics(context),
        entities=entities(text, known),
        # A heading "Private" or "Passwords" speaks of all that stands below it.
        sensitivity=sensitivity(text) | (sensitivity(context) - {"unclear"}) | _heading(block),
    )


def _heading(block: _Block) -> frozenset[Sensitivity]:
    words = set(normalised(" ".join(block.headings)).split())
    private = {
        "private",
        "personal",
        "privat",
        "persönlich",
        "privé",
        "personnel",
        "privado",
        "osobní",
    }
    return frozenset({"private"}) if words & private else frozenset()


def _title(text: str) -> str:
    if len(text) <= TITLE_CHARS:
        return text
    return text[: TITLE_CHARS - 1].rsplit(" ", 1)[0] + "…"


def _is_statement(text: str) -> bool:
    plain = normalised(text)
    if len(plain.split()) < WORDS_MIN or len(text) > CHARS_MAX:
        return False
    return not text.rstrip().endswith(("?", ":")) and any(c.isalpha() for c in plain)


def _blanked(document: str) -> str:
    """Without what is never a statement; lines keep their numbers."""
    text = document.replace("\r\n", "\n").removeprefix("\ufeff")
    for pattern in (_FRONT_MATTER, _OWN, _COMMENT):
        text = pattern.sub(lambda match: "\n" * match[0].count("\n"), text)
    return text


def _blocks(text: str) -> Iterator[_Block]:
    """List entries and paragraphs, with wrapped lines joined."""
    headings: list[tuple[int, str]] = []
    parts: list[str] = []
    start, fence = 0, ""

    def ended() -> Iterator[_Block]:
        if parts:
            yield _Block(" ".join(parts), start, tuple(name for _, name in headings))
            parts.clear()

    for number, line in enumerate([*text.split("\n"), ""], 1):
        if fence or (fenced := _FENCE.match(line)):
            yield from ended()
            fence = _fence_after(fence, line) if fence else fenced[1]  # type: ignore[index]
            continue
        line = _QUOTE.sub("", line)
        if _UNDERLINE.match(line) and len(parts) == 1 and not _BULLET.match(line):
            headings[:] = [(1 if "=" in line else 2, parts.pop())]
            continue
        heading, bullet = _HEADING.match(line), _BULLET.match(line)
        # Four spaces go on with an entry, or are code where there is none to go on with.
        indented = line.startswith("    ") and not bullet and bool(line.strip())
        skipped = bool(_SKIPPED.match(line)) or (indented and not parts)
        if heading or bullet or skipped or not line.strip():
            yield from ended()
        if heading:
            level = len(heading[1])
            headings = [(n, name) for n, name in headings if n < level] + [(level, heading[2])]
        elif bullet:
            parts, start = [bullet[2].strip()], number
        elif line.strip() and not skipped:
            start = start if parts else number
            parts.append(line.strip())


def _fence_after(fence: str, line: str) -> str:
    """The fence that is still open: it is closed by as many of the same signs alone."""
    bare = line.strip()
    closes = bare.startswith(fence) and not bare.strip(fence[0])
    return "" if closes else fence
