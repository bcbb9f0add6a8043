"""Where collected files come from and go to, and what is private: decided without a disk."""

import dataclasses
import os
from typing import Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.private import Private
from service.collecting import private
from service.collecting.beneath import Owner
from service.collecting.patterns import Choice, HomePattern
from service.collecting.private import private_of
from service.collecting.settings import CollectorSettings
from service.collecting.stats import ERRORS_TOLD_MAX, Stats

PARTS = st.lists(st.sampled_from(["a", "b", "x.jsonl", ".s"]), min_size=1, max_size=5).map(tuple)
PATTERNS = ["/h/*/.s", "/h/*/.s/*.jsonl", "/h/*/a/*/.s", "/h/*/*/x.jsonl", "/h/*/b"]


def below(pattern, path):
    found = HomePattern.of(pattern).below(path.split("/"))
    return found if found is None else "/".join(found)


@pytest.mark.parametrize(
    ("pattern", "path", "place"),
    [
        ("/home/*/.claude/projects", ".claude/projects/p/s.jsonl", "p/s.jsonl"),
        ("/home/*/.claude/projects", ".claude/projects/p/s/subagents/a.jsonl",
         "p/s/subagents/a.jsonl"),
        ("/home/*/.claude/projects", ".claude/history.jsonl", None),
        ("/home/*/user/sessions/*.jsonl", "user/sessions/s.jsonl", "s.jsonl"),
        ("/home/*/user/sessions/*.jsonl", "user/sessions/deep/s.jsonl", None),
        ("/home/*/user/sessions/*.jsonl", "user/sessions/s.txt", None),
        ("/home/*/code/*/.agent", "code/one/.agent/s.jsonl", "one/s.jsonl"),
        ("/home/*/notes.jsonl", "notes.jsonl", "notes.jsonl"),
    ],
)  # fmt: skip
def test_a_copy_keeps_the_path_below_the_pattern(pattern, path, place):
    assert below(pattern, path) == place


@pytest.mark.parametrize(
    "wrong",
    [
        "home/*/x",
        "/home/*",
        "/*/x",
        "/home/ada/x",
        "/home/*/../x",
        "/home/*//x",
        "/home/*/**/x",
        "",
    ],
)
def test_a_pattern_that_does_not_say_who_the_user_is_or_leads_elsewhere_is_refused(wrong):
    with pytest.raises(ValueError):
        HomePattern.of(wrong)


@given(st.sampled_from(PATTERNS), PARTS, PARTS)
def test_no_two_files_of_one_pattern_meet_in_one_place(pattern, one, other):
    places = [HomePattern.of(pattern).below(parts) for parts in (one, other)]

    # A pattern without wildcards may name one file or one folder, never both at a time.
    both_kinds = len(one) != len(other) and HomePattern.of(pattern).steps in (one, other)
    assert one == other or None in places or places[0] != places[1] or both_kinds


@given(st.sampled_from(PATTERNS), PARTS)
def test_a_place_leads_back_to_its_file(pattern, parts):
    known = HomePattern.of(pattern)
    place = known.below(parts)

    if place is not None:
        back = known.source(place)
        assert back is not None
        assert known.below(back) == place


@given(st.sampled_from(PATTERNS), PARTS)
def test_whoever_is_wanted_is_led_to(pattern, parts):
    known = HomePattern.of(pattern)

    if known.below(parts) is not None:
        assert all(known.leads(parts[:depth]) for depth in range(len(parts) + 1))
        assert known.holds(parts[:-1])


def test_files_are_chosen_by_name_in_searched_folders_and_by_path_everywhere():
    choice = Choice(["/h/*/s", "/h/*/t/*.log"], ["*.jsonl"], ["*/secret/*", "eve/*"])
    searched, named = choice.patterns

    assert choice.place(searched, "ada", ("s", "p", "x.jsonl")) == ("ada", "p", "x.jsonl")
    assert choice.place(searched, "ada", ("s", "p", "x.txt")) is None
    assert choice.place(named, "ada", ("t", "x.log")) == ("ada", "x.log")
    assert choice.place(searched, "ada", ("s", "secret", "x.jsonl")) is None
    assert choice.place(named, "eve", ("t", "x.log")) is None
    assert choice.place(searched, "ada", ("s", ".sessionwatch-x.jsonl")) is None
    assert not choice.enters(searched, "ada", ("s", "secret"))
    assert [choice.has_user(user) for user in ("ada", "eve")] == [True, False]


def test_hidden_folders_are_no_homes():
    assert not HomePattern.of("/home/*/x").has_user(".snapshots")


@pytest.mark.parametrize(
    ("line", "place", "is_private"),
    [
        ("1a2b", "p/1a2b.jsonl", True),
        ("1a2b", "p/1a2b.jsonl.zst", True),
        ("1a2b", "p/1a2b/subagents/agent-9.jsonl", True),
        ("1a2b", "2026/05/rollout-2026-05-01T10-00-00-1a2b.jsonl", True),
        ("1a2b", "p/1a2b3.jsonl", False),
        ("1a2*", "p/1a2b3.jsonl", True),
        ("-home-ada-diary", "-home-ada-diary/x.jsonl", True),
        ("*diary*", "-home-ada-diary/x.jsonl", True),
        ("  1a2b  ", "p/1a2b.jsonl", True),
        ("# 1a2b", "p/1a2b.jsonl", False),
        ("", "p/1a2b.jsonl", False),
    ],
)
def test_a_line_of_the_private_list_means_a_session_or_a_pattern(line, place, is_private):
    assert Private([line])(place.split("/")) == is_private


@pytest.mark.parametrize(
    "content", [b"\xff\n", b"x\n" * (private.LINES_MAX + 1), b"x" * (private.BYTES_MAX + 1)]
)
def test_a_private_list_that_cannot_be_read_as_one_is_refused(tmp_path, content):
    from core.errors import PermanentError

    (tmp_path / "list").write_bytes(content)
    fd = os.open(tmp_path, os.O_RDONLY)
    found = os.fstat(fd)
    try:
        with pytest.raises(PermanentError) as refused:
            private_of(fd, "list", Owner(found.st_uid, found.st_dev))
    finally:
        os.close(fd)
    assert refused.value.reason == "private_list_unreadable"


def rules() -> dict[str, Any]:
    hints = get_type_hints(CollectorSettings, include_extras=True)
    return {name: hint.__metadata__[0] for name, hint in hints.items()}


def test_every_default_is_allowed_as_a_file_would_write_it():
    for field in dataclasses.fields(CollectorSettings):
        plain = list(field.default) if isinstance(field.default, tuple) else field.default
        assert rules()[field.name].read(plain) == field.default


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("into", "srv/sessions"), ("homes", ["/home/ada/x"]), ("homes", "/home/*"), ("files", [""]),
        ("private", "/etc/passwd"), ("file_mode", "0666"), ("file_mode", "0040"),
        ("file_mode", "4640"), ("folder_mode", "2777"), ("folder_mode", "0640"), ("group", "a b"),
        ("private", "a/../../x"),
    ],
)  # fmt: skip
def test_what_would_be_unsafe_is_not_allowed(name, value):
    with pytest.raises(ValueError):
        rules()[name].read(value)


def test_lists_come_from_a_variable_as_well():
    assert rules()["homes"].read("/home/*/a:/srv/*/b") == ("/home/*/a", "/srv/*/b")


def test_counts_have_the_predecessors_names_and_only_so_many_errors_are_told():
    stats = Stats()
    for number in range(ERRORS_TOLD_MAX + 1):
        stats.fail("ada", f"/home/ada/{number}\udcff", "symlink")

    told = stats.as_dict()
    assert list(told) == [
        "users_processed", "files_copied", "files_skipped", "errors", "bytes_copied",
        "errors_detail",
    ]  # fmt: skip
    assert told["errors"] == ERRORS_TOLD_MAX + 1
    assert len(told["errors_detail"]) == ERRORS_TOLD_MAX
    expected = {"user": "ada", "path": "/home/ada/0\\xff", "error": "symlink"}
    assert told["errors_detail"][0] == expected
