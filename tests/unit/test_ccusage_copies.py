"""How ccusage 20.0.24 merges copies of one message of which some are a sidechain's.

Each case was tried on its binary; the numbers are places in its reading order.
"""

import pytest

from state.usage.ccusage_messages import Copy, Kept, untangled


def copies(*parts):
    """Copies of one message from (request, session, is it a sidechain's, tokens, millisecond)."""
    return [
        Copy("m", place, request, session, at_ms, side, tokens, 0.0, False)
        for place, (request, session, side, tokens, at_ms) in enumerate(parts)
    ]


def kept(*parts, daily=True):
    return [tuple(one) for one in untangled(copies(*parts), daily=daily)]


@pytest.mark.parametrize("daily", [True, False])
def test_a_sidechains_replay_under_a_new_request_is_a_copy_of_its_session(daily):
    parent, replay = ("r1", "s", False, 10, 0), ("r2", "s", True, 99, 0)

    assert kept(parent, replay, daily=daily) == [(0, 0)]
    assert kept(replay, parent, daily=daily) == [(0, 1)]


@pytest.mark.parametrize("daily", [True, False])
def test_in_another_session_it_is_a_message_of_its_own(daily):
    assert kept(("r1", "s", False, 10, 0), ("r2", "t", True, 99, 0), daily=daily) == [
        (0, 0),
        (1, 1),
    ]


def test_all_but_the_daily_report_ask_for_the_same_millisecond():
    parts = ("r1", "s", False, 10, 0), ("r2", "s", True, 99, 1)

    assert kept(*parts, daily=True) == [(0, 0)]
    assert kept(*parts, daily=False) == [(0, 0), (1, 1)]


def test_two_requests_that_are_no_sidechains_are_two_messages():
    side, first, second = (
        ("r0", "s", True, 1, 0),
        ("r1", "s", False, 1, 0),
        ("r2", "s", False, 1, 0),
    )

    assert kept(side, first, second) == [(0, 1), (2, 2)]
    assert kept(first, second, side) == [(0, 0), (1, 1)]


def test_streamed_copies_of_the_parent_find_it_in_the_place_of_its_replay():
    side = ("r1", "s", True, 50, 0)

    assert kept(side, ("r2", "s", False, 7, 0), ("r2", "s", False, 9, 0)) == [(0, 2)]


def test_without_a_request_the_daily_report_asks_for_the_same_time():
    parts = (None, "s", False, 1, 0), (None, "s", False, 2, 1), ("r", "s", True, 9, 1)

    assert kept(*parts, daily=True) == [(0, 0), (1, 1)]
    assert kept(*parts, daily=False) == [(0, 1)]


def test_a_message_is_known_in_every_session_it_was_found_in():
    parts = (
        ("r2", "t", True, 9, 0),
        ("r2", "s", True, 9, 1),
        ("r1", "s", True, 9, 1),
    )

    assert kept(*parts, daily=True) == [(0, 0)]


def test_on_a_tie_the_first_stays_and_the_dearer_wins_only_in_the_daily_report():
    cheap, dear = (
        Copy("m", place, "r", "s", 0, True, 5, cost, False) for place, cost in enumerate((1.0, 2.0))
    )

    assert untangled([cheap, dear], daily=True) == [Kept(0, 1)]
    assert untangled([cheap, dear], daily=False) == [Kept(0, 0)]
    assert untangled([cheap, cheap._replace(place=1)], daily=True) == [Kept(0, 0)]
    assert untangled([cheap, cheap._replace(place=1, has_speed=True)], daily=False) == [Kept(0, 1)]
