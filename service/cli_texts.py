"""Turns the words of a command line into values without loading pydantic.

The rule: only the types that our commands use. Typer would import pydantic for every option that
is no flag, a tenth of a second at each start. What is set here is a private seam of typer: should
it vanish, commands become slower and stay right (`tests/integration/test_cli.py` would tell).
"""

from pathlib import Path
from typing import Any

from typer import BadParameter
from typer._coercion import RuntimeParam
from typer.core import TyperCommand, TyperGroup


class Command(TyperCommand):
    """A command whose parameters are read by `_Words`."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_quick(parameter) for parameter in super().get_params(ctx)]


class Group(TyperGroup):
    """The same for the command that holds the others."""

    def get_params(self, ctx: Any) -> list[Any]:
        return [_quick(parameter) for parameter in super().get_params(ctx)]


def _quick(parameter: Any) -> Any:
    kind = getattr(parameter, "type_descriptor", None)
    if kind is not None and kind.annotation in _READERS:
        parameter._runtime_param = _Words(kind.parameter_info, kind.annotation)
    return parameter


class _Words(RuntimeParam):
    def _coerce_value(self, value: Any, param: Any, ctx: Any) -> Any:
        try:
            read = _READERS[self.annotation](value)
        except ValueError as error:
            raise BadParameter(f"{value!r} is not a number.", ctx=ctx, param=param) from error
        low, high = self.parameter_info.min, self.parameter_info.max
        if type(read) is int and not (low or read) <= read <= (high or read):
            raise BadParameter(f"{read} is not from {low} to {high}.", ctx=ctx, param=param)
        return read


_READERS: dict[Any, Any] = {
    bool: bool,
    str: str,
    int: int,
    Path: Path,
    list[Path]: lambda words: [Path(word) for word in words],
}
