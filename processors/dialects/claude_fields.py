"""Fields of Claude Code lines that nobody here knows: how a new version shows that it says more.

The rule: only some lines are looked at, chosen by what they are, so the same line gives the same
answer wherever it stands; a field that a version writes at all is soon found.
"""

import msgspec

from processors.dialects.claude_raw import RawLine

EVERY = 64
"""Whoever decodes asks for one line of so many, by its length: all would cost as much again."""
NAMES_MAX = 8

_SKIPPED = (
    "agentColor", "agentName", "agentSetting", "aiTitle", "apiRefusalCategory",
    "classifierMetaLines", "customTitle", "frameUrl", "hasOutput", "hookAdditionalContext",
    "hookCount", "hookInfos", "imagePasteIds", "interruptedMessageId", "isSnapshotUpdate", "key",
    "lastPrompt", "leafUuid", "level", "logicalParentUuid", "maxRetries", "messageCount",
    "messageId", "parentToolUseID", "path", "promptId", "result", "retryInMs", "sessionKind",
    "slug", "snapshot", "source", "sourceToolAssistantUUID", "stopReason", "summary", "tag",
    "teamName", "thinkingMetadata", "title", "todos", "toolUseID", "userType",
)  # fmt: skip
_KNOWN = frozenset((*_SKIPPED, *RawLine.__struct_encode_fields__))
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def strange(line: bytes) -> tuple[str, ...]:
    """Names of the line's own fields that are not known."""
    return tuple(sorted(_keys(line).keys() - _KNOWN)[:NAMES_MAX])
