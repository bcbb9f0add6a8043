"""A quote is proved in one turn and a person's own words, or dropped."""

import unicodedata

import pytest

from processors.verifying.quotes import QUOTE_CHARS_MAX, Quote, Refusal, proved
from processors.verifying.windows import Caps
from tests.tools.turns import turns, window, windows

SAID = (
    "Our fiscal year\n  starts in März, not in January.",
    "agent: The fiscal year starts in January.",
    "Look:\n```\nour fiscal year starts in May\n```\npassword: hunter22 for bob@acme.com, ok?",
)


def quoted(turn_id: str, words: str) -> Quote | Refusal:
    return proved(window(*SAID), turn_id, words)


def test_a_quote_that_stands_in_the_turn_has_its_place():
    quote = quoted("t0", "starts in März, not in January")

    assert isinstance(quote, Quote)
    assert SAID[0][quote.start : quote.end] == quote.text == "starts in März, not in January"
    assert (quote.turn_number, quote.line_offset, quote.uuid) == (0, 0, "u0")
    assert (quote.original_start, quote.original_end) == (quote.start, quote.end)


def test_white_space_may_be_folded_and_the_text_of_the_turn_is_kept():
    quote = quoted("t0", "  Our fiscal year starts in März ")

    assert isinstance(quote, Quote)
    assert quote.text == "Our fiscal year\n  starts in März"


def test_letters_may_be_composed_in_another_way():
    quote = quoted("t0", unicodedata.normalize("NFD", "starts in März, not"))

    assert isinstance(quote, Quote)
    assert quote.text == "starts in März, not"


def test_a_quote_behind_a_secret_leads_to_its_place_in_the_session():
    start = window(*SAID).turns[1].text.index("password")
    shown = window(*SAID).turns[1].text[start:]
    found = quoted("t1", shown)
    assert isinstance(found, Quote)
    assert SAID[2][found.original_start : found.original_end].endswith("for bob@acme.com, ok?")


@pytest.mark.parametrize(
    ("turn_id", "words", "refusal"),
    [
        ("t7", "Our fiscal year", Refusal.NO_SUCH_TURN),
        ("t0", "fiscal", Refusal.TOO_SHORT),
        ("t0", "x" * (QUOTE_CHARS_MAX + 1), Refusal.TOO_LONG),
        ("t0", "1 2 3 4 5 6 7 8 9 0", Refusal.TOO_SHORT),
        ("t0", "Our fiscal year starts in March", Refusal.NOT_VERBATIM),
        ("t0", "The fiscal year starts in January.", Refusal.NOT_VERBATIM),
        ("t1", "Our fiscal year\n  starts in März", Refusal.NOT_VERBATIM),
        ("t1", "our fiscal year starts in May", Refusal.NOT_OWN_WORDS),
        ("t1", "‹email:0123456789ab› ‹email:0123456789ab›", Refusal.PLACEHOLDERS_ONLY),
    ],
)
def test_what_cannot_be_proved_is_refused_with_the_reason(turn_id, words, refusal):
    assert quoted(turn_id, words) is refusal


def test_words_of_the_context_are_no_evidence_of_this_window():
    cut = windows(turns("The first turn of all.", "The second turn of all."), Caps(turns_max=1))

    assert proved(cut[1], "t0", "The first turn of all.") is Refusal.CONTEXT_TURN


def test_own_words_are_found_behind_the_same_words_in_a_paste():
    pasted = "```\nour year starts in May\n```\n"
    quote = proved(window(pasted + "our year starts in May"), "t0", "our year starts in May")

    assert isinstance(quote, Quote)
    assert quote.start == len(pasted)
