"""What the stub server's model says: by a file of rules, or the smallest thing that fits.

The rule: a function of the request alone, so the same request gets the same answer.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.tools import anthropic_wire as wire

AnswerOf = Callable[[dict[str, Any]], Any]
"""The answer to a request's body: a `Reply`, text, or what is sent as JSON."""


def sampled(body: dict[str, Any]) -> Any:
    """The smallest answer that fits the schema, "ok" where there is none."""
    schema = wire.wanted_schema(body)
    return wire.sample(schema) if schema else "ok"


def ruled(path: Path) -> AnswerOf:
    """By a file `[{"match": "regular expression", "answer": …}, …]`; the first that is found in
    what the user says counts, and without any the answer is the smallest."""
    rules = [(re.compile(rule["match"]), rule["answer"]) for rule in json.loads(path.read_text())]

    def answer(body: dict[str, Any]) -> Any:
        said = wire.user_text(body)
        return next((one for rule, one in rules if rule.search(said)), None) or sampled(body)

    return answer
