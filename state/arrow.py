"""Rows of one table as Arrow: how the backfill's children send them, and how they are inserted.

The rule: both ends of that way are here and agree on the order of the columns, so what travels is
a bare record batch. pyarrow costs 60 MB of memory, so only who meets such rows imports it.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

from core.rows import ArrowRows

_PLACE = {"offset": "BIGINT", "seq": "INTEGER"}


def packed(rows: Sequence[tuple[Any, ...]], types: tuple[str, ...]) -> ArrowRows:
    """Tuples `(offset, seq, *columns)` as Arrow; `types` are the SQL types of the columns."""
    import pyarrow as pa

    # As structs: a call per column would cost more than the values of a small file.
    kind = _struct((*_PLACE.values(), *types))
    batch = pa.RecordBatch.from_struct_array(pa.array(rows, kind))
    return ArrowRows(batch.serialize().to_pybytes(), len(rows))


def table_of(sets: Sequence[tuple[int, ArrowRows]], columns: Mapping[str, str]) -> Any:
    """Rows of several generations as one Arrow table with the generation in front."""
    import pyarrow as pa

    named = _PLACE | dict(columns)
    kind = _struct(tuple(named.values()))
    schema = pa.schema(zip(named, (field.type for field in kind), strict=True))
    batches = [pa.ipc.read_record_batch(rows.batch, schema) for _, rows in sets]
    marks = [pa.repeat(pa.scalar(generation, pa.int64()), rows.count) for generation, rows in sets]
    table = pa.Table.from_batches(batches, schema)
    # One large piece, because DuckDB takes twice as long over many small ones.
    return table.add_column(0, "generation", pa.chunked_array(marks)).combine_chunks()


@functools.cache
def _struct(types: tuple[str, ...]) -> Any:
    import pyarrow as pa

    by_name = {
        "BIGINT": pa.int64(),
        "INTEGER": pa.int32(),
        "VARCHAR": pa.string(),
        "BOOLEAN": pa.bool_(),
        "DOUBLE": pa.float64(),
    }
    return pa.struct([(str(place), by_name[name]) for place, name in enumerate(types)])
