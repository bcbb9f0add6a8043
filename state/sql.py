"""Loads the `.sql` files of this package: named queries, so that Python holds no SQL text.

The rule: a query starts at a line `-- name: word` and reaches to the next one.
"""

import re
from importlib.resources import files

_NAME = re.compile(r"^-- name: *([a-z][a-z0-9_]*)[ \t]*$", re.MULTILINE)


def load(package_file: str) -> dict[str, str]:
    """Query text by name. What stands before the first name is for readers of the file.

    Raises `ValueError` if a name occurs twice.
    """
    text = files(__package__).joinpath(package_file).read_text(encoding="utf-8")
    return split(text)


def split(text: str) -> dict[str, str]:
    """The queries of a file's text, by name."""
    parts = _NAME.split(text)[1:]
    names, bodies = parts[::2], parts[1::2]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"query names used twice: {', '.join(twice)}")
    return {name: body.strip() for name, body in zip(names, bodies, strict=True)}
