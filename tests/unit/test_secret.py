"""Configured tokens: from the environment and from files it names."""

import pytest

from api.secret import FILE_BYTES_MAX, SECRETS, Secret
from core.acting import ADMIN, METRICS
from core.errors import ConfigurationError

TEXT = "0123456789abcdef0123456789abcdef"


def refusal(environ):
    with pytest.raises(ConfigurationError) as refused:
        Secret.all_of(environ)
    assert TEXT not in str(refused.value)
    assert refused.value.hint
    return refused.value


def test_without_variables_there_are_none():
    assert Secret.all_of({}) == ()
    assert Secret.all_of(dict.fromkeys(SECRETS, " ")) == ()


def test_a_variable_is_a_token_of_its_role():
    environ = {"SCHEDULER_API_TOKEN": TEXT, "SESSIONWATCH_METRICS_TOKEN": TEXT[::-1]}

    admin, metrics = Secret.all_of(environ)

    assert (admin.text, admin.principal.role) == (TEXT.encode(), ADMIN)
    assert metrics.principal.role == METRICS
    assert TEXT not in repr(admin)


@pytest.mark.parametrize("variable", SECRETS)
def test_a_file_may_hold_it(tmp_path, variable):
    path = tmp_path / "secret"
    path.write_text(f"{TEXT}\n")

    (found,) = Secret.all_of({f"{variable}_FILE": str(path)})

    assert found.text == TEXT.encode()


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff" * 40, b"short", b"x" * 20 + b"\n" * 4])
def test_a_file_that_holds_none_is_refused(tmp_path, content):
    path = tmp_path / "secret"
    path.write_bytes(content)

    assert "SCHEDULER_API_TOKEN" in str(refusal({"SCHEDULER_API_TOKEN_FILE": str(path)}))


def test_a_file_that_is_not_there_is_refused(tmp_path):
    error = refusal({"SCHEDULER_API_TOKEN_FILE": str(tmp_path / "no")})

    assert "No such file" in str(error)


def test_no_more_of_a_file_is_read_than_a_secret_can_be(tmp_path):
    path = tmp_path / "secret"
    path.write_text("x" * (FILE_BYTES_MAX + 10))

    (found,) = Secret.all_of({"SCHEDULER_API_TOKEN_FILE": str(path)})

    assert len(found.text) == FILE_BYTES_MAX


@pytest.mark.parametrize("text", ["short", TEXT + " " + TEXT, TEXT + "ü", TEXT + "\x01" + TEXT])
def test_what_cannot_be_one_is_refused(text):
    refusal({"SCHEDULER_API_TOKEN": text})


def test_both_are_one_too_many(tmp_path):
    path = tmp_path / "secret"
    path.write_text(TEXT)
    environ = {"SCHEDULER_API_TOKEN": TEXT, "SCHEDULER_API_TOKEN_FILE": str(path)}

    assert "both" in str(refusal(environ))
