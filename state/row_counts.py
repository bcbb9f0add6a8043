"""How many rows files have: what a forced run says of itself.

The rule: counted in sets, one query a table, never file by file.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable

import duckdb

from core.keys import SessionKey


def by_key(
    cursor: Callable[[], duckdb.DuckDBPyConnection],
    tables: Iterable[str],
    keys: Collection[SessionKey],
) -> Counter[SessionKey]:
    """Live rows of each of these files in all these tables together."""
    found: Counter[SessionKey] = Counter()
    if not keys:
        return found
    wanted = [[key.source for key in keys], [key.path for key in keys]]
    own = cursor()
    try:
        for table in tables:
            rows = own.execute(
                f'SELECT source, path, count(*) FROM "{table}" '
                "WHERE (source, path) IN (SELECT unnest($1::VARCHAR[]), unnest($2::VARCHAR[])) "
                "GROUP BY source, path",
                wanted,
            ).fetchall()
            found.update({SessionKey(source, path): count for source, path, count in rows})
    finally:
        own.close()
    return found
