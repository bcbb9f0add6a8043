"""The processor of documents: the rows of `usage`, and what is refused."""

import json

import pytest

from core.errors import PermanentError, TransientError
from core.keys import SessionKey
from core.lines import Line
from core.tables import columns
from processors.base import Document
from processors.documents import DOCUMENTS, document_records
from processors.registry import checked
from processors.usage import Usage
from processors.usage_documents import UsageDocuments
from tests.tools.hostile import real_documents
from tests.tools.usage_tables import FIXTURES
from watcher.wanted import Wanted

SECRET = "correct horse battery staple"


def rows(data: bytes) -> list[tuple]:
    return UsageDocuments().rows(Document(SessionKey("s", "u/session-1.json"), data))


def test_every_agent_that_writes_documents_is_found():
    assert list(DOCUMENTS) == ["gemini", "opencode"]


def test_the_tables_are_those_of_usage_under_other_names():
    documents = UsageDocuments.tables

    assert list(documents) == [f"document_{table}" for table in Usage.tables]
    for table, row in Usage.tables.items():
        assert columns(documents[f"document_{table}"]) == columns(row)
    assert set(documents.values()).isdisjoint(Usage.tables.values())
    assert checked([Usage(), UsageDocuments()]).unavailable == ()


@pytest.mark.parametrize("data", real_documents())
def test_the_rows_are_those_that_usage_makes_of_the_records(data):
    made = [row for record in document_records(data) for row in Usage().rows(Line(0, record))]

    assert [tuple(row) for row in rows(data)] == [tuple(row) for row in made]
    assert {type(row) for row in rows(data)} <= set(UsageDocuments.tables.values())


@pytest.mark.parametrize("data", real_documents())
def test_a_document_over_several_lines_says_the_same_on_one(data):
    assert rows(json.dumps(json.loads(data)).encode()) == rows(data)
    assert rows(b"\xef\xbb\xbf \n" + data + b"\n\n") == rows(data)


@pytest.mark.parametrize(
    "data",
    [
        b"{}",
        b"[]",
        b"null",
        b'"text"',
        b'[{"a": 1}]',
        b'{"name": "package", "version": "1.0.0"}',
        b'{"agentType": "explore", "description": "x"}',
        b'{"sessionId": "s", "messages": []}',
    ],
)
def test_documents_of_nobody_have_no_rows_and_no_fault(data):
    assert rows(data) == []


@pytest.mark.parametrize("share", [0, 0.01, 0.5, 0.99])
@pytest.mark.parametrize("data", real_documents())
def test_a_half_written_document_is_refused_for_now(data, share):
    with pytest.raises(TransientError) as refused:
        rows(data[: int(share * len(data.rstrip()))])
    assert refused.value.reason == "invalid_json"


@pytest.mark.parametrize(
    ("text", "error", "reason"),
    [
        ('{"a": "%s"', TransientError, "invalid_json"),
        ('{"a": "%s"} {"b": 1}', TransientError, "invalid_json"),
        ('{"a": 1} [ "%s" ]', TransientError, "invalid_json"),
        ("%s", TransientError, "invalid_json"),
        ("\x00%s", TransientError, "invalid_json"),
        ('{"a": "%s", "b": ' + "[" * 5000 + "]" * 5000 + "}", PermanentError, "too_deep"),
    ],
)
def test_an_error_never_quotes_the_document(text, error, reason):
    with pytest.raises(error) as refused:
        rows((text % SECRET).encode())
    assert refused.value.reason == reason
    assert "horse" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "text", ['"\\ud83d"', '"a\\u0000b"', '"\\udc00x"', "1e999", "9" * 40, '"\x01"', "NaN"]
)
def test_one_odd_value_costs_no_other_message(text):
    """Cut emoji, control characters and numbers of any size: all that JSON libraries write."""
    path = next(FIXTURES.parent.glob("gemini/*/*/*6a0c1e2a.json"))
    data = path.read_bytes()
    odd = data.replace(b'"Sorted."', text.encode()).replace(b'"c0ffee"', b'"c0\\ud800ffee"')

    assert odd != data
    assert rows(odd) == rows(data)


def test_only_names_of_agents_documents_are_wanted():
    wants = Wanted(UsageDocuments.match)

    for name in ("session-1.json", "msg_1.json", "prt_1.json.gz", "ses_1.json.zst"):
        assert wants(f"u/p/{name}")
    for name in ("agent-1.meta.json", "package.json", "session-1.jsonl", "x.json", "msg_1.txt"):
        assert not wants(f"u/p/{name}")
