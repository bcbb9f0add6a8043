"""Values that any agent may have written anyhow, as the names and numbers that rows take.

The rule: what is none of the wanted kind is None, nothing raises, and no agent's own words are
here.
"""

from typing import Any

from core.lines import INTEGER_MAX
from core.record import NAME_CHARS_MAX

_DIGITS_MAX = 19


def word(value: Any) -> str | None:
    """A name from a field that may hold anything."""
    return value[:NAME_CHARS_MAX] or None if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """An integer from a field that may hold anything; fractions are cut."""
    if isinstance(value, int | float) and -INTEGER_MAX <= value <= INTEGER_MAX:
        return int(value)
    return None


def count(value: int | float | str | None) -> int | None:
    """A token count; gateways write "12" or 12.0. None for what is not one."""
    if value is None or type(value) is int:
        return value
    if isinstance(value, str):
        digits = value.strip()
        looks_right = digits.isascii() and digits.isdigit() and len(digits) <= _DIGITS_MAX
        value = int(digits) if looks_right else -1
    return int(value) if 0 <= value <= INTEGER_MAX and value == int(value) else None


def mcp_parts(name: str) -> tuple[str | None, str, str]:
    """Plug-in, server and tool of `mcp__<server>__<tool>` or `mcp__plugin_<plugin>_<server>__…`.

    Names of plug-ins have no underscore (they are kebab-case), so the first one ends it.
    """
    server, _, tool = name.removeprefix("mcp__").partition("__")
    plugin, _, plugin_server = server.removeprefix("plugin_").partition("_")
    if server.startswith("plugin_") and plugin_server:
        return plugin, plugin_server, tool
    return None, server, tool
