"""Names of files: every one the kernel can give comes back, and no two share a key."""

import os

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.keys import (
    SessionKey,
    escape_path,
    session_base,
    session_of,
    unescape_path,
    user_of,
)

raw_paths = st.binary(max_size=40) | st.lists(
    st.sampled_from([b"\\", b"x", b"f", b"0", b"\xff", b"\xc3\xa9", b"/", b"\xed\xa0\x80", b"\n"]),
    max_size=10,
).map(b"".join)


@given(raw_paths)
@example(b"\\xff")
@example(b"\\\\xff")
@example(b"\xff")
def test_any_bytes_of_a_path_come_back(raw: bytes) -> None:
    path = os.fsdecode(raw)

    stored = escape_path(path)

    assert unescape_path(stored) == path
    stored.encode("utf-8")


@given(raw_paths, raw_paths)
def test_different_paths_never_share_a_key(one: bytes, other: bytes) -> None:
    assert (escape_path(os.fsdecode(one)) == escape_path(os.fsdecode(other))) == (one == other)


@pytest.mark.parametrize("path", ["amara/p/one.jsonl", "zoë/项目/😀.jsonl", "with space/'\"/x"])
def test_an_ordinary_path_is_stored_as_it_is(path: str) -> None:
    assert escape_path(path) == path


def test_what_cannot_be_stored_is_escaped_readably() -> None:
    assert escape_path(os.fsdecode(b"a\xff\\b")) == r"a\xff\\b"


@pytest.mark.parametrize(
    ("path", "user"),
    [
        ("amara/p/one.jsonl", "amara"),
        ("amara/one.jsonl", "amara"),
        ("one.jsonl", ""),
        ("", ""),
        (r"a\xff/one.jsonl", r"a\xff"),
    ],
)
def test_the_first_folder_says_whose_file_it_is(path: str, user: str) -> None:
    assert user_of(path) == user


@pytest.mark.parametrize(
    ("path", "session"),
    [
        ("amara/p/one.jsonl", "one"),
        ("amara/p/one.jsonl.gz", "one"),
        ("amara/p/one.jsonl.zst", "one"),
        ("one.jsonl", "one"),
        ("amara/p/agent-5c3e.jsonl", "agent-5c3e"),
        ("amara/p/one/subagents/agent-1.jsonl", "one"),
        ("amara/p/one/subagents/workflows/wf_2/agent-1.jsonl", "one"),
        ("amara/p/one/subagents/workflows/wf_2/journal.jsonl", "one"),
        ("amara/p/one/subagents/deep/subagents/x.jsonl", "one"),
        ("one/subagents/agent-1.jsonl", "one"),
        ("subagents/one.jsonl", "one"),
        ("amara/subagents.jsonl", "subagents"),
        ("amara/p/subagents", "subagents"),
        ("amara/p/one.jsonl.bak", "one.jsonl.bak"),
        ("amara/p/NOTES.md", "NOTES.md"),
        ("amara/p/.jsonl", ""),
        ("amara/chats/session-1.json", "session-1"),
        ("amara/chats/session-1.json.gz", "session-1"),
        ("amara/storage/session/p/ses_1.json", "ses_1"),
        ("amara/storage/message/ses_1/msg_2.json", "ses_1"),
        ("ses_1/msg_2.json.zst", "ses_1"),
        ("amara/storage/part/msg_2/prt_3.json", ""),
        ("msg_2.json", ""),
        ("amara/ses_1/msg_2.jsonl", "msg_2"),
        ("amara/ses_1/other-msg_2.json", "other-msg_2"),
    ],
)
def test_a_session_is_named_by_its_path(path: str, session: str) -> None:
    assert session_of(path) == session


def test_a_key_is_written_as_source_and_path() -> None:
    assert str(SessionKey("drop", "amara/one.jsonl")) == "drop:amara/one.jsonl"


@pytest.mark.parametrize(
    ("path", "base"),
    [
        ("a/p/one.jsonl", "a/p/one"),
        ("a/p/one.jsonl.gz", "a/p/one"),
        ("a/p/one/subagents/agent-1.jsonl", "a/p/one"),
        ("a/p/one/subagents/flow/agent-2.jsonl.zst", "a/p/one"),
        ("a/q/one.jsonl", "a/q/one"),
        ("subagents/one.jsonl", "subagents/one"),
        ("one.jsonl", "one"),
    ],
)
def test_the_files_of_one_session_and_no_others_have_one_base(path, base):
    assert session_base(path) == base
