"""Pairs of items as JSON for one viewer: conflicts and duplicates, open and settled.

The rule: what a person has said of a pair comes before what a model has, and both before what the
words alone say.
"""

from typing import Any

from state.memory.judging import Judged, digest_of
from state.memory.settling import Pair, conflicts, duplicates
from state.memory.showing import Showing
from state.times import iso_utc

PAIRS_MAX = 100
"""So many are shown at once; the others once these are settled."""


class ShowingPairs(Showing):
    """The base as one viewer sees it at this moment, and its pairs."""

    def contradictions(self) -> list[dict[str, Any]]:
        """Pairs to be settled, the newest first, with what a model says of them."""
        judged = self._memory.judgements()
        return [
            self._conflict(one, judged.get((one.left, one.right, digest_of(self.base, *one.ids))))
            for one in conflicts(self.base, self.viewer)[:PAIRS_MAX]
        ]

    def duplicates(self) -> list[dict[str, Any]]:
        """Pairs that may be one fact (`similar`) or are taken for one (`same`)."""
        return [self._pair(one) for one in duplicates(self.base, self.viewer)[:PAIRS_MAX]]

    def settled(self, about: str) -> list[dict[str, Any]]:
        """What was settled, the last first."""
        return [
            {
                "item_a_id": one.left, "item_b_id": one.right, "resolution": one.choice,
                "resolved": True, "resolved_by": one.by_whom, "resolved_at": iso_utc(one.at_us),
            }
            for one in reversed(self.base.settled)
            if one.about == about
            and all(self.base.visible(id_, self.viewer) for id_ in (one.left, one.right))
        ]  # fmt: skip

    def _pair(self, one: Pair) -> dict[str, Any]:
        relation = one.relation
        return {
            "item_a_id": one.left, "item_b_id": one.right,
            "item_a": self.item(one.left), "item_b": self.item(one.right),
            "relation": relation.kind if relation else "conflict",
            "score": relation.score if relation else None,
            "differences": [str(d) for d in relation.differences] if relation else [],
            "detected_at": iso_utc(one.found_at_us), "resolved": False,
        }  # fmt: skip

    def _conflict(self, one: Pair, judged: Judged | None) -> dict[str, Any]:
        """With what a person has said of it, else what a model has, else what its words say."""
        relation, named = one.relation, one.named
        found = self._pair(one)
        newer = {one.left: "kept_a", one.right: "kept_b"}.get(relation.newer if relation else "")
        said = judged.judgement if judged else None
        suggested = said.suggestion if said and said.suggestion else newer
        return {
            "id": one.id, **found,
            "explanation": named.explanation if named else "; ".join(found["differences"]),
            "severity": named.severity if named else said and said.severity,
            "suggested_resolution": named.suggested if named else suggested,
            "judgement": judged and _judgement(judged),
        }  # fmt: skip


def _judgement(judged: Judged) -> dict[str, Any]:
    said = judged.judgement
    return {
        "verdict": said.verdict, "newer": said.newer or None, "reason": said.reason,
        "severity": said.severity, "suggested_resolution": said.suggestion,
        "model": judged.model, "judged_at": iso_utc(judged.at_us),
    }  # fmt: skip
