"""The `usage_documents` processor: the rows of `usage`, of agents that rewrite JSON documents.

The rule: it adds nothing to what `usage` makes of a record. The rows go to tables of their own,
`document_usage_…` for each `usage_…`, only because a table belongs to one processor;
`state/usage/sources.sql` puts them together again.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Literal

from core.lines import Line
from processors.base import Document
from processors.documents import document_records
from processors.usage import Usage

_USAGE = Usage()
_TYPES: Mapping[type, type] = MappingProxyType(
    # A row type says which table a row goes to, so the same columns need a second one.
    {
        row: type(f"Document{row.__name__}", (row,), {"__slots__": ()})
        for row in Usage.tables.values()
    }
)
_NAMES = (
    "session-*.json",  # Gemini CLI
    "msg_*.json",  # OpenCode: storage/message, storage/session, storage/part
    "prt_*.json",
    "ses_*.json",
)


class UsageDocuments:
    """Flattens documents into the `document_usage_…` tables.

    It wants no more names than these, because every wanted file costs a look at each sweep and an
    entry of the ledger, and folders of sessions are full of other JSON.
    """

    name = "usage_documents"
    version = Usage.version
    kind: Literal["document"] = "document"
    pace_s = 1.0
    match = tuple(name + packed for name in _NAMES for packed in ("", ".gz", ".zst"))
    tables: Mapping[str, type] = MappingProxyType(
        {f"document_{table}": _TYPES[row] for table, row in Usage.tables.items()}
    )

    def rows(self, document: Document) -> list[Any]:
        """None for what no agent wrote; raises for what is half written (`document_records`)."""
        return [
            tuple.__new__(_TYPES[type(row)], row)
            for record in document_records(document.data)
            for row in _USAGE.rows(Line(0, record))
        ]
