"""One file out of a form, however it is cut into chunks."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.forms import boundary_of, file_of
from core.errors import ConfigurationError

HEAD = b'Content-Disposition: form-data; name="file"; filename="s.jsonl"\r\n'


def form(content, *, before=b"", head=HEAD, end=b"--\r\n"):
    return before + b"--B1\r\n" + head + b"\r\n" + content + b"\r\n--B1" + end


def cut(body, places):
    edges = [0, *sorted(place % (len(body) + 1) for place in places), len(body)]
    return [body[start:end] for start, end in pairwise(edges)]


@given(
    content=st.binary() | st.lists(st.sampled_from([b"\r\n--B", b"\r\n", b"--B1", b"-", b"x"]))
    .map(b"".join),
    places=st.lists(st.integers(0, 10_000), max_size=30),
)  # fmt: skip
def test_any_content_comes_out_as_it_went_in_however_it_is_cut(content, places):
    if b"\r\n--B1" in b"\r\n" + content + b"\r\n":
        return
    name, found = file_of("B1", cut(form(content), places))

    assert (name, b"".join(found)) == ("s.jsonl", content)


def test_fields_before_the_file_are_passed_over():
    field = b'--B1\r\nContent-Disposition: form-data; name="note"\r\n\r\nhello\r\n'
    name, found = file_of("B1", [form(b"{}\n", before=field)])

    assert (name, b"".join(found)) == ("s.jsonl", b"{}\n")


@pytest.mark.parametrize(
    "body",
    [
        b"", b"--B1", b"--B1--\r\n", b"--B1\r\n", form(b"x")[:-8], form(b"x", before=b"preamble"),
        form(b"x", end=b"\r\n"), form(b"x", end=b"--\r\nmore"), form(b"x", head=b""),
        form(b"x", head=b"A: " + b"b" * 9000 + b"\r\n"),
        form(b"y" * 70_000, head=b'Content-Disposition: form-data; name="f"\r\n'),
        form(b"x", end=b"--\r\n" + b"z" * 9000), form(b"x") + form(b"y"),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_such_form_is_refused(body):
    with pytest.raises(ConfigurationError) as raised:
        b"".join(file_of("B1", [body])[1])

    assert raised.value.reason == "bad_form"


def test_only_a_form_has_a_boundary():
    assert boundary_of("multipart/form-data; boundary=B1") == "B1"
    assert boundary_of("application/octet-stream") is None
    for wrong in ("multipart/form-data", "multipart/form-data; boundary=" + "b" * 71):
        with pytest.raises(ConfigurationError):
            boundary_of(wrong)
