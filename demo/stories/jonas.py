"""Jonas runs data pipelines: a warehouse asked over MCP, a release made with a skill."""

from collections.abc import Iterator

from demo.calls import bash, edit, grep, mcp, read, skill
from demo.transcript import Transcript, Where

PIPELINES = Where("jonas", "/home/jonas/src/pipelines", "feat/late-events", "claude-sonnet-4-6")
RELEASE = Where(
    "jonas", "/home/jonas/src/pipelines", "release/2026-10", "claude-sonnet-4-6", "2.1.205"
)

LATE_EVENTS = "\n".join(
    ["day        | events  | late | late_share", "-----------+---------+------+-----------"]
    + [
        f"2026-09-{day:02d} | {91_000 + day * 377:>7} | {day * 7 % 41:>4} | 0.00{day * 7 % 41:02d}"
        for day in range(1, 31)
    ]
)

WINDOW = '''
"""Assigns events to the day they happened on, not the day they arrived on."""

from datetime import timedelta

ALLOWED_LATENESS = timedelta(hours=6)


def window(event, watermark):
    if event.happened_at < watermark - ALLOWED_LATENESS:
        return None
    return event.happened_at.date()


def assign(events, watermark):
    kept, dropped = [], 0
    for event in events:
        day = window(event, watermark)
        if day is None:
            dropped += 1
        else:
            kept.append((day, event))
    return kept, dropped
'''


def late_events() -> Iterator[Transcript]:
    """Numbers from the warehouse and a ticket, both over MCP; one query fails first."""
    t = Transcript(PIPELINES, "2026-10-12T09:47:00", "jonas/late")
    t.attach("mcp_instructions_delta", addedNames=["warehouse", "tracker"], removedNames=[])
    t.prompt("DATA-412 says we lose late events. how many, and since when?")
    t.answer(
        "I'll read the ticket first.",
        mcp(
            "tracker",
            "get_issue",
            {"id": "DATA-412"},
            '{"id":"DATA-412","title":"Late events are dropped","state":"open","reporter":"mei",'
            '"text":"Devices that were offline overnight are missing from the daily report."}',
        ),
        thinking=True,
    )
    t.answer(
        "",
        mcp(
            "warehouse",
            "query",
            {"sql": "select day, events, late from daily_event where day >= '2026-09-01'"},
            'relation "daily_event" does not exist',
            failed=True,
            seconds=0.6,
        ),
        mcp(
            "warehouse",
            "list_tables",
            {"schema": "marts"},
            "daily_events\ndaily_devices\ndaily_lateness",
            seconds=0.5,
        ),
    )
    t.answer(
        "",
        mcp(
            "warehouse",
            "query",
            {
                "sql": "select day, events, late, late_share from marts.daily_lateness "
                "where day between '2026-09-01' and '2026-09-30' order by day"
            },
            LATE_EVENTS,
            seconds=7,
        ),
    )
    t.answer(
        "",
        read("/home/jonas/src/pipelines/streams/window.py", WINDOW),
        grep(
            "ALLOWED_LATENESS",
            "streams/window.py:5:ALLOWED_LATENESS = timedelta(hours=6)",
            "docs/lateness.md:14:Events up to 48 hours late are counted.",
        ),
    )
    t.answer(
        "Between 0 and 40 events a day were dropped in September, about 0.02 %. The code allows 6 hours while "
        "`docs/lateness.md` promises 48; devices that were offline overnight fall into the gap."
    )
    t.done()
    t.prompt("48 it is. we never backfill by hand, use the replay job", after_s=130)
    t.answer(
        "",
        edit(
            "/home/jonas/src/pipelines/streams/window.py",
            "ALLOWED_LATENESS = timedelta(hours=6)",
            "ALLOWED_LATENESS = timedelta(hours=48)  # docs/lateness.md",
        ),
    )
    t.answer(
        "",
        bash("make test", "214 passed, 3 skipped in 21.40s", seconds=23),
        bash(
            "python -m pipelines replay --from 2026-09-01 --dry-run",
            "would replay 30 days, 611 events",
            seconds=5,
        ),
    )
    t.answer(
        "The window is 48 hours now, the tests pass, and a dry run of the replay job finds 611 events.",
        mcp(
            "tracker",
            "add_comment",
            {
                "id": "DATA-412",
                "text": "Fixed on feat/late-events; replay of September finds 611 events.",
            },
            '{"ok":true}',
        ),
    )
    t.answer("I left a comment on DATA-412.")
    t.done()
    t.note("ai-title", aiTitle="Late events: 48 hours, as documented")
    yield t


RELEASE_SKILL = """\
Base directory for this skill: /home/jonas/.claude/skills/cut-release

# Cut a release

1. Check that the working tree is clean and the tests pass.
2. Collect the changes since the last tag, grouped as Added, Changed, Fixed.
3. Write them to CHANGELOG.md under the new version.
4. Commit, tag and open a pull request. Never push a tag before the review.

ARGUMENTS: 2026.10.0"""


def release() -> Iterator[Transcript]:
    """A release by recipe; ends with a pull request."""
    t = Transcript(RELEASE, "2026-10-14T14:20:00", "jonas/release")
    t.attach(
        "skill_listing",
        content="- cut-release: cut a release of this project",
        skillCount=1,
        isInitial=True,
    )
    t.prompt("cut the 2026.10.0 release")
    by_skill = {"attributionSkill": "cut-release"}
    t.answer("", skill("cut-release", RELEASE_SKILL, args="2026.10.0"), thinking=True)
    t.answer(
        "Step 1: tree and tests.",
        bash("git status --porcelain", ""),
        bash("make test", "219 passed, 3 skipped in 22.07s", seconds=24),
        extra=by_skill,
    )
    log = "\n".join(f"{0x3FA91C0 + n * 7919:07x} {subject}" for n, subject in enumerate(SUBJECTS))
    t.answer(
        "Step 2: the changes.", bash("git log --oneline v2026.09.1..HEAD", log), extra=by_skill
    )
    t.answer(
        "Step 3: the changelog.",
        edit(
            "/home/jonas/src/pipelines/CHANGELOG.md",
            "## Unreleased",
            "## Unreleased\n\n## 2026.10.0\n\n### Added\n"
            + "\n".join(f"- {subject}" for subject in SUBJECTS),
        ),
        extra=by_skill,
    )
    t.answer(
        "Step 4: commit, tag, pull request.",
        bash("git commit -qam 'Release 2026.10.0' && git tag v2026.10.0", ""),
        bash("gh pr create --fill", "pipelines#88", seconds=3),
        extra=by_skill,
    )
    t.note(
        "pr-link",
        prNumber=88,
        prUrl="https://code.example/jonas/pipelines/pull/88",
        prRepository="jonas/pipelines",
        timestamp=t.stamp(),
    )
    t.answer(
        "Release 2026.10.0 is prepared and waits for review in pull request 88.", extra=by_skill
    )
    t.done()
    t.note("custom-title", customTitle="Release 2026.10.0")
    yield t


SUBJECTS = (
    "Count events up to 48 hours late",
    "Replay job: dry run",
    "Warehouse loader retries a lost connection",
    "Drop the unused hourly mart",
    "Document the watermark",
    "Device names are unique per site",
    "Speed up the nightly join by a factor of three",
)

STORIES = (late_events, release)
