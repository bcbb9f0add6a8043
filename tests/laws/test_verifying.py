"""Laws of what comes before knowledge: nothing secret passes, places are true, windows stand."""

import random

from hypothesis import given
from hypothesis import strategies as st

from processors.verifying.foreign import foreign_parts
from processors.verifying.quotes import QUOTE_CHARS_MAX, Refusal, proved
from processors.verifying.redaction import PLACEHOLDER
from processors.verifying.rules import found_by_rules
from processors.verifying.windows import Caps, Window
from tests.tools.secrets import NAMED, SECRETS, nameless
from tests.tools.turns import REDACTOR, turns, windows

WORDS = st.sampled_from(
    [
        "the",
        "report",
        "is",
        "token",
        "password",
        "key:",
        "€",
        "März",
        "\n",
        "\u200b",
        "‹",
        "›",
        "@",
        "0",
        "-",
        "=",
        '"',
        "‹email:0123456789ab›",
        "Bearer",
        "https://",
        ",",
        "🙄",
        "+",
        "/home/",
    ]
)
TEXTS = st.lists(WORDS | st.text(max_size=8), max_size=12).map(" ".join)
SAID = st.lists(
    st.sampled_from(
        [
            "Our fiscal year starts in March.",
            "agent: Churn is computed monthly.",
            "No, churn is computed weekly, not monthly.",
            "Yes, exactly. The table has one row per line item.",
            "```\nour year starts in May\n```",
            "> our year starts in June\nno",
            "x" * 300,
            "Mail bob@acme.com about it.",
        ]
    )
    | st.text(max_size=60),
    max_size=12,
)
CAPS = st.builds(
    Caps,
    turns_max=st.integers(1, 4),
    chars_max=st.integers(1, 400),
    context_turns=st.integers(0, 3),
)


@given(st.sampled_from(sorted(SECRETS)), TEXTS, TEXTS, st.integers(0, 10**9))
def test_no_secret_with_a_format_survives(kind, before, after, seed):
    secret = SECRETS[kind](random.Random(seed))

    assert secret not in REDACTOR.redact(f"{before} {secret} {after}").text


@given(st.sampled_from(sorted(NAMED)), TEXTS, TEXTS, st.integers(0, 10**9))
def test_no_secret_that_is_named_survives(place, before, after, seed):
    secret = nameless(random.Random(seed))

    text = f"{before}\n{NAMED[place].format(secret)}\n{after}"
    assert secret not in REDACTOR.redact(text).text


@st.composite
def leaky(draw: st.DrawFn) -> str:
    """Texts with secrets in them, glued to whatever stands there."""
    pieces = st.builds(
        lambda kind, seed: SECRETS[kind](random.Random(seed)),
        st.sampled_from(sorted(SECRETS)),
        st.integers(0, 50),
    )
    return "".join(draw(st.lists(TEXTS | pieces, max_size=6)))


@given(leaky())
def test_redacting_again_changes_nothing(text):
    once = REDACTOR.redact(text)
    again = REDACTOR.redact(once.text)

    assert again.text == once.text
    assert again.findings == ()


@given(leaky(), st.data())
def test_every_place_leads_to_the_same_characters_in_the_original(text, data):
    found = REDACTOR.redact(text)
    start = data.draw(st.integers(0, len(found.text)))
    end = data.draw(st.integers(start, len(found.text)))
    first, last = found.original(start, end)

    assert 0 <= first <= last <= len(text)
    inside = [e for e in found.edits if e.start < end and start < e.end]
    if not inside and start < end:
        shown = "".join(c for c in text[first:last] if c in found.text[start:end])
        assert shown == found.text[start:end]


@given(TEXTS | st.text())
def test_foreign_parts_are_in_order_and_apart(text):
    parts = foreign_parts(text)
    edges = [edge for part in parts for edge in (part.start, part.end)]

    assert edges == sorted(edges)
    assert all(0 <= part.start < part.end <= len(text) for part in parts)


@given(SAID, st.integers(0, 12), CAPS)
def test_a_session_that_grows_changes_no_closed_window(said, size, caps):
    before = windows(turns(*said[:size]), caps)
    after = windows(turns(*said), caps)
    closed = [window for window in before if window.closed]

    assert closed == after[: len(closed)]
    assert len(before) - len(closed) == bool(before)


@given(SAID, CAPS)
def test_windows_hold_every_turn_once_and_in_order(said, caps):
    every = turns(*said)
    cut = windows(every, caps)

    assert [turn for window in cut for turn in window.turns] == every
    assert all(0 < len(window.turns) <= caps.turns_max for window in cut)
    assert all(len(window.context) <= caps.context_turns for window in cut)


@given(SAID, CAPS)
def test_what_the_rules_find_is_proved_and_does_not_depend_on_windows(said, caps):
    every = turns(*said)
    cut = windows(every, caps)
    found = [(window, one) for window in cut for one in found_by_rules(window)]

    for window, one in found:
        (quote,) = one.evidence
        assert proved(window, f"t{quote.turn_number}", quote.text) == quote
    whole = [one for window in windows(every) for one in found_by_rules(window)]
    assert [one for _, one in found] == whole


@given(SAID, st.data())
def test_a_quote_that_is_proved_is_verbatim_and_own(said, data):
    for window in windows(turns(*said)):
        turn = data.draw(st.sampled_from(window.turns))
        start = data.draw(st.integers(0, len(turn.text)))
        words = turn.text[start : data.draw(st.integers(start, len(turn.text)))]
        quote = proved(window, turn.turn_id, words)
        _check(window, words, quote)


def _check(window: Window, words: str, quote: object) -> None:
    if isinstance(quote, Refusal):
        assert quote is not Refusal.NOT_VERBATIM or len(words) > QUOTE_CHARS_MAX
        return
    turn = next(t for t in window.turns if t.number == quote.turn_number)
    assert turn.text[quote.start : quote.end] == quote.text
    assert turn.is_own(quote.start, quote.end)
    assert PLACEHOLDER.sub("", quote.text).strip()
