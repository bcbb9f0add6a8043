"""What a processor raises that needs an answer and got none.

The rule: an outage, an empty budget or a missing key says nothing about a session, so it is tried
again; a refusal or an answer that does not fit does, so it is parked where operators see it.
"""

from core.errors import PermanentError, SessionwatchError, TransientError
from processors.llm.values import AGAIN, Answer, Outcome


def error_of(answer: Answer) -> SessionwatchError:
    """Of an answer that is not `DONE`. Its text quotes no session."""
    assert answer.outcome is not Outcome.DONE
    kind = TransientError if answer.outcome in AGAIN else PermanentError
    text = answer.message or f"the model gave no answer: {answer.reason or answer.outcome}"
    return kind(text, reason=f"model_{answer.outcome}")
