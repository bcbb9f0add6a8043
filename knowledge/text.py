"""How a text is folded before it is compared, hashed or searched.

The rule: two statements that fold to the same text say the same. So folding touches only what
carries no meaning: Unicode forms, case, white space, hidden characters, quotation marks and the
punctuation at the edges of words. Signs, inner punctuation, leading dots (`.env`) and everything
between backticks keep their form.
"""

import re
import unicodedata
from functools import lru_cache

CACHED = 65536
"""So many texts are kept in each form in which they are compared, which is enough for a base."""
_PIECE = re.compile(r"`[^`]+`|[^\s`]+")
_OPENING = "\"'([{«»„“”‚‘’¿¡"
_CLOSING = "\"')]}«»“”‘’.,;:!?…"
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−", "-"))
_KEPT_CONTROLS = "\t\n\r\v\f"


def visible(text: str) -> str:
    """The text as NFKC without format and control characters, which nobody sees.

    Folding may compose what a hidden character kept apart, hence the second look.
    """
    kept = "".join(c for c in unicodedata.normalize("NFKC", text) if not is_hidden(c))
    return unicodedata.normalize("NFKC", kept)


def is_blank(text: str) -> bool:
    """Whether there is not one letter or digit in it that anybody sees."""
    return not any(map(str.isalnum, visible(text)))


def is_hidden(char: str) -> bool:
    """Whether a character shows nothing: zero-width, bidirectional, tags, controls."""
    return unicodedata.category(char) in ("Cf", "Cc", "Co", "Cs") and char not in _KEPT_CONTROLS


def normalised(text: str) -> str:
    """The text an item is identified by. `normalised(normalised(x)) == normalised(x)`."""
    pieces = (_plain(piece) for piece in _PIECE.findall(visible(text).translate(_DASHES)))
    return " ".join(piece for piece in pieces if piece)


def _plain(piece: str) -> str:
    if piece.startswith("`"):
        return f"`{' '.join(piece[1:-1].split())}`" if piece.strip("`").strip() else ""
    bare = piece
    while (less := bare.removeprefix("**").removesuffix("**").strip()) != bare or (
        less := less.lstrip(_OPENING).rstrip(_CLOSING)
    ) != bare:
        bare = less
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", bare).casefold())
    return folded if folded == bare else _plain(folded) if folded else ""


@lru_cache(maxsize=CACHED)
def unaccented(text: str) -> str:
    """Case and accents dropped, for looking words up: people write `neni` for `není`."""
    parts = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in parts if not unicodedata.combining(c))
