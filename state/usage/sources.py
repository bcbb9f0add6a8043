"""The views `all_…`: rows of line files and of documents, put together for whoever counts.

The rule: a view is made when both of its tables are there, and made again at every start, so that
it has the columns they have now.
"""

from collections.abc import Collection

import duckdb

from state.sql import load

VIEWS = load("usage/sources.sql")


def declare(db: duckdb.DuckDBPyConnection, tables: Collection[str]) -> None:
    """Make the views over these tables of processors, as far as they are there."""
    for name, query in VIEWS.items():
        table = name.replace("all_", "usage_", 1)
        if {table, f"document_{table}"} <= set(tables):
            db.execute(f"CREATE OR REPLACE VIEW {name} AS {query}")
