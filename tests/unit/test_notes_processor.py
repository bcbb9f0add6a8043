"""What is taken from a person's note."""

import pytest

from core.errors import TransientError
from core.keys import SessionKey
from processors.base import Document
from processors.notes import Notes

SECRET = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def rows(text):
    data = text if isinstance(text, bytes) else text.encode()
    return list(Notes().rows(Document(SessionKey("notes", "ada/CLAUDE.local.md"), data)))


def test_a_statement_leads_back_to_its_line_in_bytes():
    text = "# Přehled\r\n\r\n- Ž is the unit of weight\r\n- Deploys need two approvals\r\n"

    found = rows(text)

    assert [one.line for one in found] == [3, 4]
    for one in found:
        assert text.encode()[one.line_offset :].startswith(f"- {one.statement}".encode())


def test_places_hold_behind_a_secret_of_another_length():
    text = f"- Use {SECRET} for the mirror\n- Deploys need two approvals\n"

    first, second = rows(text)

    assert SECRET not in str(first)
    assert first.labels == "credentials"
    assert text.encode()[second.line_offset :].startswith(b"- Deploys")


def test_a_secret_in_a_heading_marks_all_that_stands_below_it():
    (found,) = rows(f"# Mirror {SECRET}\n- The mirror answers on port 8080\n")

    assert SECRET not in str(found)
    assert found.labels == "credentials"


def test_equal_notes_have_equal_rows_with_secrets_in_them():
    text = f"- Use {SECRET} for the mirror\n"

    assert rows(text) == rows(text)


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("- My salary is paid in March\n", "pay"),
        ("## Private\n- The gym opens at seven\n", "private"),
        ("- Write to ada@example.org about it\n", "credentials,contact"),
    ],
)
def test_what_is_sensitive_says_why(text, label):
    (found,) = rows(text)

    assert set(found.labels.split(",")) & set(label.split(","))


def test_what_is_no_text_is_refused_and_tried_again():
    with pytest.raises(TransientError) as refused:
        rows(b"\xff\xfe\x00")

    assert refused.value.reason == "not_utf8"


def test_an_empty_note_says_nothing():
    assert rows("") == []
