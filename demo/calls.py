"""The tool calls of the demo sessions: what each tool is given and what its result looks like."""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Call:
    """One tool call and what came back; `extra` are fields of the line that carries the call."""

    name: str
    input: Json
    result: str | list[Json]
    structured: Any = None
    failed: bool = False
    seconds: float = 1.0
    extra: Json = field(default_factory=dict)
    injected: str = ""
    """Text the harness adds after the result, as a skill's body is."""


def text_block(text: str) -> Json:
    """A content block of text."""
    return {"type": "text", "text": text}


def read(path: str, body: str) -> Call:
    """A file read whole; the result is numbered as the tool numbers it."""
    lines = body.strip("\n").split("\n")
    shown = "\n".join(f"{number:>6}\t{line}" for number, line in enumerate(lines, start=1))
    file = {
        "filePath": path,
        "content": body,
        "numLines": len(lines),
        "startLine": 1,
        "totalLines": len(lines),
    }
    return Call("Read", {"file_path": path}, shown, {"type": "text", "file": file}, seconds=0.2)


def grep(pattern: str, *hits: str) -> Call:
    """A search over the project."""
    found = {
        "mode": "content",
        "numFiles": len({hit.split(":")[0] for hit in hits}),
        "numLines": len(hits),
    }
    given = {"pattern": pattern, "output_mode": "content", "-n": True}
    return Call("Grep", given, "\n".join(hits) or "No matches found", found, seconds=0.3)


def bash(command: str, output: str, *, exit_code: int = 0, seconds: float = 3.0) -> Call:
    """A shell command; a non-zero exit code makes it an error result."""
    given = {"command": command, "description": f"Run {command.split()[0]}"}
    if exit_code:
        return Call("Bash", given, f"Exit code {exit_code}\n{output}", failed=True, seconds=seconds)
    structured = {"stdout": output, "stderr": "", "interrupted": False, "isImage": False}
    return Call("Bash", given, output, structured, seconds=seconds)


def edit(path: str, old: str, new: str) -> Call:
    """A replacement inside a file."""
    before, after = old.split("\n"), new.split("\n")
    patch = {
        "oldStart": 12,
        "oldLines": len(before),
        "newStart": 12,
        "newLines": len(after),
        "lines": [f"-{line}" for line in before] + [f"+{line}" for line in after],
    }
    structured = {
        "filePath": path,
        "oldString": old,
        "newString": new,
        "structuredPatch": [patch],
        "userModified": False,
        "replaceAll": False,
    }
    given = {"file_path": path, "old_string": old, "new_string": new, "replace_all": False}
    return Call(
        "Edit", given, f"The file {path} has been updated successfully.", structured, seconds=0.4
    )


def write(path: str, body: str) -> Call:
    """A new file."""
    structured = {"type": "create", "filePath": path, "content": body, "structuredPatch": []}
    given = {"file_path": path, "content": body}
    return Call("Write", given, f"File created successfully at: {path}", structured, seconds=0.4)


def denied(tool: str, given: Json) -> Call:
    """A call the user did not allow."""
    text = (
        "The user doesn't want to proceed with this tool use. The tool use was rejected "
        "(eg. if it was a file edit, the new_string was NOT written to the file). "
        "STOP what you are doing and wait for the user to tell you how to proceed."
    )
    return Call(tool, given, text, "User rejected tool use", failed=True, seconds=9)


def mcp(
    server: str, tool: str, given: Json, text: str, *, failed: bool = False, seconds: float = 1.2
) -> Call:
    """A call to an MCP server; its results are lists of content blocks."""
    result = [text_block(text)]
    extra = {"attributionMcpServer": server, "attributionMcpTool": tool}
    name = f"mcp__{server}__{tool}"
    structured = None if failed else result
    return Call(name, given, text if failed else result, structured, failed, seconds, extra)


def skill(name: str, body: str, *, args: str = "") -> Call:
    """A skill: the call answers at once, its body follows as an injected line."""
    structured = {"success": True, "commandName": name, "allowedTools": ["Read", "Bash"]}
    given = {"skill": name, "args": args} if args else {"skill": name}
    return Call("Skill", given, f"Launching skill: {name}", structured, seconds=0.1, injected=body)


def agent(
    kind: str, agent_id: str, task: str, prompt: str, report: str, *, seconds: float, calls: int
) -> Call:
    """A subagent that ran to its end; its own transcript lies in `subagents/`."""
    tokens = 14_200 + 1_900 * calls
    elapsed = round(seconds * 1000)
    trailer = (
        f"agentId: {agent_id} (for resuming to continue this agent's work if needed)\n"
        f"<usage>total_tokens: {tokens}\ntool_uses: {calls}\nduration_ms: {elapsed}</usage>"
    )
    structured: dict[str, Any] = {
        "status": "completed",
        "prompt": prompt,
        "agentId": agent_id,
        "agentType": kind,
        "content": [text_block(report)],
        "totalDurationMs": elapsed,
        "totalTokens": tokens,
        "totalToolUseCount": calls,
    }
    result = [text_block(report), text_block(trailer)]
    given = {"description": task, "prompt": prompt, "subagent_type": kind}
    return Call("Agent", given, result, structured, seconds=seconds)


def web_search(query: str, results: str) -> Call:
    """A search in the web."""
    structured = {"query": query, "results": [results], "durationSeconds": 4.2, "searchCount": 1}
    return Call("WebSearch", {"query": query}, results, structured, seconds=4.2)


def task(subject: str, number: int) -> Call:
    """A new entry of the agent's own task list."""
    given = {"subject": subject, "description": subject, "activeForm": subject}
    structured = {"task": {"id": str(number), "subject": subject}}
    return Call(
        "TaskCreate",
        given,
        f"Task #{number} created successfully: {subject}",
        structured,
        seconds=0.1,
    )
