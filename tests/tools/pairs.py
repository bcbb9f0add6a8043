"""Pairs of statements and what they are to each other, as people labelled them."""

import json
from pathlib import Path
from typing import Any

FILE = Path(__file__).parents[1] / "fixtures" / "knowledge" / "pairs.jsonl"


def labelled_pairs() -> list[dict[str, Any]]:
    """Each with `left`, `right`, `label`, `language` and `split`."""
    return [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]
