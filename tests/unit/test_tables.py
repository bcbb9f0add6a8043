"""Row types as columns: what a processor may declare, and what it is told when it may not."""

from dataclasses import dataclass
from typing import Any, NamedTuple, Optional

import pytest

from core.errors import ConfigurationError
from core.tables import SQL_TYPES, Column, checked_name, columns


class Every(NamedTuple):
    """One column of every type, and of each way to write that it may be missing."""

    number: int
    text: str
    flag: bool
    share: float
    maybe_number: int | None
    maybe_text: Optional[str]  # noqa: UP045 (people write it this way too)
    maybe_flag: "bool | None"


def row_type(name: str, hint: Any) -> Any:
    """A row type of one column."""
    return NamedTuple("Made", [(name, hint)])


def test_columns_stand_in_the_order_of_the_fields() -> None:
    assert columns(Every) == (
        Column("number", int, "BIGINT"),
        Column("text", str, "VARCHAR"),
        Column("flag", bool, "BOOLEAN"),
        Column("share", float, "DOUBLE"),
        Column("maybe_number", int, "BIGINT"),
        Column("maybe_text", str, "VARCHAR"),
        Column("maybe_flag", bool, "BOOLEAN"),
    )


def test_every_type_there_is_has_a_column() -> None:
    assert {column.python_type for column in columns(Every)} == set(SQL_TYPES)


@pytest.mark.parametrize("hint", [bytes, list[int], dict, int | str, int | str | None, Any, None])
def test_a_type_that_has_no_column_is_refused_by_name(hint: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"Made\.value: .* cannot be a column"):
        columns(row_type("value", hint))


@pytest.mark.parametrize(
    "name", ["generation", "offset", "seq", "source", "path", "user", "session", "source_gone"]
)
def test_the_names_of_the_files_own_columns_are_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="cannot be a column"):
        columns(row_type(name, int))


@pytest.mark.parametrize("name", ["a", "tool_use_id", "x1", "select", "a" * 63])
def test_a_plain_name_is_safe_as_an_identifier(name: str) -> None:
    assert checked_name(name) == name


@pytest.mark.parametrize("name", ["", "A", "1a", "_a", "a-b", "a b", 'a"', "é", "a" * 64, "a\n"])
def test_any_other_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="not a valid name"):
        checked_name(name)


def test_the_name_of_a_column_is_checked_too() -> None:
    with pytest.raises(ConfigurationError, match="not a valid name"):
        columns(row_type("Camel", int))


@dataclass
class NotATuple:
    """Has typed fields, but its instances are no tuples."""

    text: str


class Untyped(tuple[Any, ...]):
    """A tuple without fields."""


class Longer(Every):
    """Annotations behind those of its NamedTuple: nobody ever fills them."""

    more: int


@pytest.mark.parametrize("kind", [NotATuple, Untyped, Longer, int, "Every", None])
def test_what_is_no_named_tuple_is_no_row_type(kind: Any) -> None:
    with pytest.raises(ConfigurationError, match="is not a row type"):
        columns(kind)
