"""Writes `demo/sessions`: three made-up people at work, the sessions that `make run` serves.

The rule: deterministic and small. Run it again after changing a story (`tests/test_repo.py`
compares what it writes with what is committed):

    .venv/bin/python -m demo.make_sessions
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from demo import stories
from demo.transcript import Transcript

SESSIONS = Path(__file__).parent / "sessions"


def transcripts() -> Iterator[Transcript]:
    """Every transcript of every story, subagents included."""
    for story in stories.ALL:
        yield from story()


def write(root: Path) -> None:
    """Replace everything below `root` by the demo sessions."""
    shutil.rmtree(root, ignore_errors=True)
    for transcript in transcripts():
        path = transcript.path(root)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(transcript.text(), encoding="utf-8")
        if transcript.agent:
            meta = {"agentType": "Explore", "description": "Subagent of the demo"}
            path.with_suffix(".meta.json").write_text(json.dumps(meta) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS)
