"""What one person's agent is told: mandatory items within their share, then the best of the rest.

The rule: a bundle never costs more than its budget, says of every item that is left out why, and
is the same for the same items. What is in it is in force, for this viewer, and scanned again.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from knowledge.packing import Parcel, packed, tokens_of
from knowledge.rendering import (
    APPROVED_FILE,
    APPROVED_HEAD,
    Entry,
    approved_file,
    digest,
    head_tokens,
    line,
    mandatory_file,
    mandatory_name,
    told,
)
from knowledge.scan import scan
from knowledge.values import Item, Viewer
from knowledge.visibility import delivered

BUDGET_TOKENS = 6000
MANDATORY_SHARE = 0.6
"""At most this part of the budget is taken by what must be told."""
SAME_DOMAIN_FACTOR = 0.9
"""Each further item of one domain is worth this much of what it would be: a bundle on one
subject helps only those who work on it."""

Why = Literal["expired", "directive", "dismissed", "duplicate", "mandatory_share", "budget"]


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An item in force that is not in the bundle. `detail`: the finding, or the one shown."""

    item_id: str
    why: Why
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Bundle:
    """What is told, what is not, and the files that say it, by name."""

    mandatory: tuple[Entry, ...]
    approved: tuple[Entry, ...]
    left_out: tuple[LeftOut, ...]
    files: Mapping[str, str]
    tokens: int
    budget_tokens: int

    @property
    def digest(self) -> str:
        """Names this bundle: equal for equal files."""
        return digest(
            "\n".join(f"{digest(self.files[name])} {name}" for name in sorted(self.files))
        )


def bundle(
    entries: Iterable[Entry],
    viewer: Viewer,
    now_us: int,
    *,
    budget_tokens: int = BUDGET_TOKENS,
    dismissed: Collection[str] = (),
    shown_instead: Mapping[str, str] | None = None,
) -> Bundle:
    """The bundle of one viewer.

    `dismissed`: what this viewer does not want; mandatory items cannot be dismissed.
    `shown_instead`: of the members of clusters, the one that is shown (`clusters.clusters`).
    Items that the viewer is not addressed by are left out without a word.
    """
    entries = sorted(entries, key=lambda entry: entry.item.id)
    mine = [entry for entry in entries if delivered(entry.item, viewer)]
    here = {entry.item.id for entry in mine}
    shown = {k: v for k, v in (shown_instead or {}).items() if k != v and v in here}
    out = [found for e in mine if (found := _out(e.item, now_us, dismissed, shown))]
    gone = {left.item_id for left in out}
    must = [e for e in mine if e.item.state == "mandatory" and e.item.id not in gone]
    may = [e for e in mine if e.item.state == "approved" and e.item.id not in gone]
    binding = _mandatory(must, int(budget_tokens * MANDATORY_SHARE))
    cost = sum(mandatory_tokens(e) for e in binding)
    chosen = _approved(may, budget_tokens - cost)
    return _bundle(
        binding,
        chosen,
        [*out, *_over("mandatory_share", must, binding), *_over("budget", may, chosen)],
        budget_tokens,
    )


def mandatory_tokens(entry: Entry) -> int:
    """What one mandatory item takes of the budget: a file of its own."""
    return tokens_of(mandatory_file(entry))


def mandate_fits(
    entry: Entry, mandatory: Iterable[Entry], *, budget_tokens: int = BUDGET_TOKENS
) -> bool:
    """Whether there is room for one more mandatory item; asked before it is mandated."""
    others = [e for e in mandatory if e.item.id != entry.item.id]
    cost = mandatory_tokens(entry) + sum(map(mandatory_tokens, others))
    return cost <= int(budget_tokens * MANDATORY_SHARE)


def _out(
    item: Item, now_us: int, dismissed: Collection[str], shown: Mapping[str, str]
) -> LeftOut | None:
    if item.valid_until_us is not None and item.valid_until_us <= now_us:
        return LeftOut(item.id, "expired")
    if findings := scan(told(item)):
        return LeftOut(item.id, "directive", findings[0].reason)
    if item.state == "mandatory":
        return None
    if item.id in dismissed:
        return LeftOut(item.id, "dismissed")
    return LeftOut(item.id, "duplicate", shown[item.id]) if item.id in shown else None


def _mandatory(entries: list[Entry], room: int) -> list[Entry]:
    """The surest first; the ones that no longer fit are left out and told."""
    chosen = []
    for entry in sorted(entries, key=lambda e: (-e.confidence, e.item.id)):
        if (cost := mandatory_tokens(entry)) <= room:
            chosen.append(entry)
            room -= cost
    return chosen


def _approved(entries: list[Entry], room: int) -> list[Entry]:
    by_id = {entry.item.id: entry for entry in entries}
    parcels = [
        # The line break counts as well, and rounding up each line keeps the sum above the whole.
        Parcel(id_, value, tokens_of(line(by_id[id_]) + "\n"))
        for id_, value in _values(entries)
    ]
    chosen = packed(parcels, room - head_tokens(APPROVED_HEAD))
    return sorted((by_id[parcel.id] for parcel in chosen), key=lambda e: (-e.confidence, e.item.id))


def _values(entries: Iterable[Entry]) -> list[tuple[str, float]]:
    seen: defaultdict[str, int] = defaultdict(int)
    values = []
    for entry in sorted(entries, key=lambda e: (-e.confidence, e.item.id)):
        values.append(
            (entry.item.id, entry.confidence * SAME_DOMAIN_FACTOR ** seen[entry.item.domain])
        )
        seen[entry.item.domain] += 1
    return values


def _over(why: Why, wanted: Iterable[Entry], told: Iterable[Entry]) -> list[LeftOut]:
    there = {entry.item.id for entry in told}
    return [LeftOut(e.item.id, why) for e in wanted if e.item.id not in there]


def _bundle(
    mandatory: list[Entry], approved: list[Entry], out: list[LeftOut], budget_tokens: int
) -> Bundle:
    files = {mandatory_name(entry.item): mandatory_file(entry) for entry in mandatory}
    if approved:
        files[APPROVED_FILE] = approved_file(approved)
    return Bundle(
        tuple(mandatory),
        tuple(approved),
        tuple(sorted(out, key=lambda left: left.item_id)),
        files,
        sum(map(tokens_of, files.values())),
        budget_tokens,
    )
