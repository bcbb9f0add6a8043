"""Which sessions their agents delete before they were read."""

import pytest

from core.keys import SessionKey
from core.ledger import FileStat
from service import shield
from service.retention import DAY_US

NOW_US = 1000 * DAY_US
A, B = SessionKey("home", "a.jsonl"), SessionKey("home", "b.jsonl")


def aged(days):
    at_ns = int((NOW_US - days * DAY_US) * 1000)
    return FileStat(1, 1, 100, at_ns, NOW_US * 1000)


def facts(**unread):
    return shield.facts(
        "home", {SessionKey("home", f"{n}.jsonl"): aged(d) for n, d in unread.items()},
        days=30, warn_days=5, now_us=NOW_US,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("days", "files", "left_days"),
    [(0, 0, 0), (24.9, 0, 0), (25, 1, 5), (29, 1, 1), (30, 1, 0), (400, 1, -370)],
)
def test_a_file_is_near_its_end_days_before(days, files, left_days):
    found = facts(a=days)

    assert found.files == files
    assert found.left_s == left_days * 86_400


def test_the_first_to_go_is_named():
    found = facts(a=26, b=28, c=3)

    assert (found.files, found.oldest, found.left_s) == (2, "home:b.jsonl", 2 * 86_400)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ('{"cleanupPeriodDays": 7}', 7),
        ('{"cleanupPeriodDays": 99999}', 99999),
        ('{"cleanupPeriodDays": 0}', 0),
        ('{"cleanupPeriodDays": true}', 30),
        ('{"cleanupPeriodDays": "7"}', 30),
        ('{"cleanupPeriodDays": -1}', 30),
        ("{}", 30),
        ("[7]", 30),
        ("no JSON", 30),
        ("[" * 100_000, 30),
        (None, 30),
    ],
)
def test_an_agent_keeps_its_own_limit_beside_the_sessions(tmp_path, text, days):
    (tmp_path / ".claude/projects").mkdir(parents=True)
    if text is not None:
        (tmp_path / ".claude/settings.json").write_text(text)

    assert shield.days_of(tmp_path / ".claude/projects", 30) == days


def test_of_two_sights_of_a_file_the_younger_counts():
    other = SessionKey("team", "a.jsonl")

    found = shield.of_source("home", [(A, aged(9)), (A, aged(3)), (B, aged(1)), (other, aged(1))])

    assert found == {A: aged(3), B: aged(1)}
