"""Where windows begin and end, and what is shown of them."""

from processors.verifying.windows import TURN_CHARS_MAX, Caps, shown
from tests.tools.turns import turn, turns, windows


def numbers(some) -> list[list[int]]:
    return [[turn.number for turn in window.turns] for window in some]


def test_a_window_closes_when_it_has_enough_turns():
    cut = windows(turns(*["Something."] * 5), Caps(turns_max=2))

    assert numbers(cut) == [[0, 1], [2, 3], [4]]
    assert [window.closed for window in cut] == [True, True, False]


def test_a_window_closes_when_the_next_turn_does_not_fit():
    cut = windows(turns("a" * 60, "b" * 60, "c" * 30), Caps(chars_max=100))

    assert numbers(cut) == [[0], [1, 2]]


def test_a_turn_that_is_too_long_has_a_window_of_its_own():
    cut = windows(turns("a", "b" * 600, "c"), Caps(chars_max=100))

    assert numbers(cut) == [[0], [1], [2]]


def test_the_turns_before_a_window_are_its_context():
    cut = windows(turns(*["Something."] * 5), Caps(turns_max=2, context_turns=3))

    assert [[turn.number for turn in window.context] for window in cut] == [[], [0, 1], [1, 2, 3]]


def test_replies_count_for_the_length_of_a_window():
    cut = windows(
        turns("agent: " + "a" * 90, "One.", "Two, twenty chars long"), Caps(chars_max=100)
    )

    assert numbers(cut) == [[0], [1]]


def test_a_session_without_turns_has_no_window():
    assert windows(turns("agent: Hello.")) == []


def test_a_paste_is_only_named():
    assert shown(turn("Look:\n```\nsecret code\n```\nWhy?")) == "Look:\n⟦code: 20 characters⟧Why?"


def test_a_long_turn_is_shown_up_to_the_limit():
    text = shown(turn("word " * 400 + "\n" + "more " * 1_500))

    assert len(text) <= TURN_CHARS_MAX + len("⟦cut⟧")
