"""What a person said to each agent, and what nobody typed."""

import json

import pytest

from core.lines import Fault, Line, read_lines
from core.record import Prompt, Record
from processors import dialects
from processors.documents import document_records
from processors.verifying.foreign import BUNDLE_TAG, foreign_parts
from processors.verifying.turns import turns_of
from tests.tools.turns import REDACTOR, turn, turns


def read(agent: str, *values: dict) -> list[Line[Record]]:
    data = b"".join(json.dumps(value).encode() + b"\n" for value in values)
    found = list(read_lines(data, 0, dialects.by_name(agent)))
    assert not [item for item in found if isinstance(item, Fault)]
    return [item for item in found if isinstance(item, Line)]


def heard(lines: list[Line[Record]]) -> list[tuple[str, str]]:
    return [(turn.text, turn.reply) for turn in turns_of(lines, REDACTOR)]


def claude(role: str, content: object, **more: object) -> dict:
    kind = {"type": role, "isSidechain": False, "message": {"role": role, "content": content}}
    return kind | more


def text(words: str) -> list[dict]:
    return [{"type": "text", "text": words}]


def kinds(words: str) -> list[tuple[str, str]]:
    return [(part.kind, words[part.start : part.end]) for part in foreign_parts(words)]


def test_a_turn_of_claude_code_knows_what_the_agent_said_last():
    lines = read(
        "claude",
        claude("user", "How is churn computed?"),
        claude("assistant", [{"type": "thinking", "thinking": "secret"}, *text("Monthly.")]),
        claude("user", "No, weekly."),
    )

    assert heard(lines) == [("How is churn computed?", ""), ("No, weekly.", "Monthly.")]


def test_a_turn_of_codex_knows_what_the_agent_said_last():
    payloads = [
        {"type": "agent_message", "message": "Monthly."},
        {"type": "user_message", "message": "No, weekly.", "kind": "plain"},
    ]

    lines = read("codex", *[{"type": "event_msg", "payload": p} for p in payloads])

    assert heard(lines) == [("No, weekly.", "Monthly.")]


def test_a_turn_of_copilot_knows_what_the_agent_said_last():
    said = [("assistant.message", "Monthly."), ("user.message", "No, weekly.")]

    lines = read(
        "copilot",
        *[{"type": kind, "id": "1", "parentId": None, "data": {"content": c}} for kind, c in said],
    )

    assert heard(lines) == [("No, weekly.", "Monthly.")]


def test_a_turn_of_pi_knows_what_the_agent_said_last():
    said = [("assistant", "Monthly."), ("user", "No, weekly.")]

    lines = read(
        "pi",
        *[
            {"type": "message", "id": role, "message": {"role": role, "content": text(words)}}
            for role, words in said
        ],
    )

    assert heard(lines) == [("No, weekly.", "Monthly.")]


def test_a_turn_of_gemini_knows_what_the_agent_said_last():
    said = [("gemini", "Monthly."), ("user", "No, weekly.")]

    lines = read("gemini", *[{"id": kind, "type": kind, "content": words} for kind, words in said])

    assert heard(lines) == [("No, weekly.", "Monthly.")]


def test_a_turn_of_opencode_knows_what_the_agent_said_last():
    records: list[Record] = []
    for role, words in [("assistant", "Monthly."), ("user", "No, weekly.")]:
        info = {"id": f"msg_{role}", "sessionID": "ses_1", "role": role}
        part = {"id": "prt_1", "sessionID": "ses_1", "messageID": info["id"], **text(words)[0]}
        records += document_records(json.dumps({"info": info, "parts": [part]}).encode())

    assert heard([Line(number, record) for number, record in enumerate(records)]) == [
        ("No, weekly.", "Monthly.")
    ]


@pytest.mark.parametrize(
    "line",
    [
        claude("user", "Stop hook: our year starts in March.", isMeta=True),
        claude("user", "This is a summary.", isCompactSummary=True, isVisibleInTranscriptOnly=True),
        claude("user", "Our year starts in March.") | {"isSidechain": True},
        claude("user", "<local-command-stdout>our year</local-command-stdout>"),
        claude("user", "<system-reminder>our year starts in March</system-reminder>"),
        claude("user", [{"type": "tool_result", "tool_use_id": "t", "content": "our year"}]),
        claude("user", "Our year starts in March.", entrypoint="sdk-py"),
        claude("user", "Implement the following plan:\n\nOur year starts in March."),
        claude("assistant", text("Our year starts in March.")),
    ],
)
def test_what_no_person_typed_is_no_turn(line):
    assert heard(read("claude", line)) == []


def test_words_after_a_slash_command_are_a_turn_without_the_command():
    wrapped = "<command-name>/note</command-name><command-args>MRR is net.</command-args>"

    assert heard(read("claude", claude("user", wrapped))) == [("MRR is net.", "")]


def test_a_line_that_a_resumed_session_repeats_is_one_turn():
    line = claude("user", "Our year starts in March.", uuid="u1")

    assert len(heard(read("claude", line, line))) == 1


def test_prompts_of_one_line_are_told_apart_by_their_place():
    record = Record("gemini", "session", prompts=(Prompt(text="First."), Prompt(text="Second.")))

    found = list(turns_of([Line(7, record)], REDACTOR))

    assert [(t.offset, t.place, t.turn_id) for t in found] == [(7, 0, "t0"), (7, 1, "t1")]


def test_a_turn_has_no_secret_and_leads_back_to_its_place():
    words = "The password: hunter22 belongs to staging."
    one = turn(words)
    start = one.text.index("belongs")

    assert "hunter22" not in one.text
    first, last = one.redacted.original(start, len(one.text))
    assert words[first:last] == "belongs to staging."


def test_a_long_reply_is_shortened_to_its_head_and_tail():
    (one,) = turns("agent: " + "a" * 5_000 + "z", "Yes.")

    assert one.reply.startswith("aaa")
    assert one.reply.endswith("z")
    assert len(one.reply) < 1_300


def test_a_session_that_grows_changes_no_turn():
    said = ["One thing.", "agent: Yes?", "Another thing.", "agent: Well.", "A third thing."]
    whole = turns(*said)

    for size in range(len(said)):
        part = turns(*said[:size])
        assert part == whole[: len(part)]


def test_delivered_knowledge_is_foreign_and_the_words_around_it_are_not():
    bundle = f"<{BUNDLE_TAG} v=3>\nOur year starts in March.\n</{BUNDLE_TAG}>"
    words = f"Look at this. {bundle} It is wrong."

    assert kinds(words) == [("bundle", bundle)]


def test_a_tag_that_is_not_closed_is_foreign_to_the_end():
    words = "Look: <system-reminder>our year starts in March"

    assert kinds(words) == [("injected", words[6:])]


def test_fenced_code_is_foreign_fences_included():
    code = "```python\nOur year starts in March.\n```\n"

    assert kinds(f"Fix it:\n{code}Thank you.") == [("code", code)]


def test_a_fence_that_is_not_closed_is_foreign_to_the_end():
    assert kinds("Fix it:\n~~~\nOur year\nis odd") == [("code", "~~~\nOur year\nis odd")]


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-24T19:41:37 our year starts in March",
        "[INFO] our year starts in March",
        'File "/x/y.py", line 3, in main',
        "    at Object.<anonymous> (/x/y.js:3:1)",
        "ValueError: our year starts in March",
        "$ make test",
        "➜  shop git:(main) ✗ git push",
        "@@ -1,3 +1,4 @@",
        "diff --git a/x b/x",
        '"year": "starts in March",',
        "| year | starts in March |",
        "const year = start(3);",
        "https://wiki.example/our-year",
    ],
)
def test_a_line_of_a_machine_is_a_log(line):
    assert kinds(f"Look:\n{line}\nWhat is it?") == [("log", line + "\n")]


@pytest.mark.parametrize(
    "words",
    [
        "Our fiscal year starts in March.",
        "- our fiscal year starts in March",
        "+1 from me, the year starts in March",
        "no, it's weekly",
        "Error rates are per request at our place.",
        "I have 3 questions: one, two, three",
    ],
)
def test_a_line_of_a_person_is_own(words):
    assert kinds(words) == []


def test_quoted_mail_is_foreign_with_everything_behind_its_introduction():
    quoted = "On Mon, 3 Mar 2025, Bob wrote:\nOur year starts in March.\n"

    assert kinds(f"> Our year is odd.\nNo.\n{quoted}") == [
        ("quoted", "> Our year is odd.\n"),
        ("quoted", quoted),
    ]


def test_a_document_is_foreign_from_its_first_heading():
    document = "# Plan\n\n## Context\n- one\n- two\n\n## Work\nOur year starts in March.\nEnd.\n"

    assert kinds(f"Look at this plan:\n{document}") == [("document", document)]


def test_of_a_long_paste_only_the_edges_are_own():
    paste = "\n\n".join("Our year starts in March, they say. " * 8 for _ in range(12))

    (part,) = kinds(f"What do you think?\n\n{paste}\n\nIt is odd.")

    assert part[0] == "long"
    assert part[1].strip() == paste.strip()


def test_own_parts_and_foreign_parts_are_all_of_a_turn():
    one = turn("Look:\n```\ncode\n```\nDone.\n> quoted\nBye.")

    own = [one.text[start:end] for start, end in one.own_parts()]
    assert own == ["Look:\n", "Done.\n", "Bye."]
    assert not one.is_own(0, len(one.text))
    assert all(one.is_own(start, end) for start, end in one.own_parts())
