"""The `usage` processor: tokens, tools, prompts and events of every session line.

The rule: one record in, its rows out, nothing remembered. Copies are not merged and results are
not joined to their calls here; the reports do that over all rows, in whatever order they came.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from core.lines import Line
from core.record import Record
from processors import usage_rows as to
from processors.base import SESSION_FILES

UsageRow = (
    to.RecordRow | to.MessageRow | to.ToolCallRow | to.ToolResultRow | to.EventRow | to.PromptRow
)


class Usage:
    """Flattens records into the six `usage_…` tables."""

    name = "usage"
    version = 2
    kind: Literal["line"] = "line"
    pace_s = 0.1
    match = SESSION_FILES
    tables: Mapping[str, type] = MappingProxyType(
        {
            "usage_records": to.RecordRow,
            "usage_messages": to.MessageRow,
            "usage_tool_calls": to.ToolCallRow,
            "usage_tool_results": to.ToolResultRow,
            "usage_events": to.EventRow,
            "usage_prompts": to.PromptRow,
        }
    )

    def rows(self, line: Line[Record]) -> list[UsageRow]:
        """At least one row; most lines have one or two."""
        record = line.record
        found: list[UsageRow] = [to.record_row(record)]
        # Asking first is faster than looping over nothing, and most lines have nothing.
        if record.usages:
            for usage in record.usages:
                found.append(to.message_row(record, usage))
        if record.tool_calls:
            for call in record.tool_calls:
                found.append(to.tool_call_row(record, call))
        if record.tool_results:
            for result in record.tool_results:
                found.append(to.tool_result_row(record, result))
        if record.events:
            found += [to.event_row(record, event) for event in record.events]
        if record.prompts:
            found += [to.prompt_row(record, prompt) for prompt in record.prompts]
        return found
