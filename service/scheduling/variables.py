"""The environment variables of the predecessor, and what becomes of each: the table that
docs/operations.md shows.

The rule: every name it read is here, as kept (read under that name), mapped (to a setting) or
refused (with what to do instead), so that none silently means something else.
"""

from typing import Literal, NamedTuple

from service.scheduling.settings import JobSettings

TOKEN_CHARS_MIN = 32
TICK, GRACE = "SCHEDULER_TICK_SECONDS", "SCHEDULER_STARTUP_GRACE_SECONDS"
FIXED = "SCHEDULER_VERIFICATION_SCHEDULE"
SKIP = "AGNES_SKIP_LEGACY_COLLECTOR"
WRITE_A_JOB = (
    "write a [[job]] with its schedule and url, if its endpoint is still served, and remove this"
)


class Variable(NamedTuple):
    """`setting`: what it is mapped to. `text`: what that means, or what to do instead."""

    name: str
    fate: Literal["kept", "mapped", "refused"]
    text: str
    setting: str = ""


class Interval(NamedTuple):
    """A variable in seconds that becomes the schedule of a setting."""

    setting: str
    default_s: int


INTERVALS = {
    "SCHEDULER_USAGE_PROCESSOR_INTERVAL": Interval("scheduler.usage", 600),
    "SCHEDULER_VERIFICATION_DETECTOR_INTERVAL": Interval("scheduler.verification", 900),
    "SCHEDULER_SESSION_COLLECTOR_INTERVAL": Interval("scheduler.collector", 600),
    "SCHEDULER_CORPORATE_MEMORY_INTERVAL": Interval("scheduler.memory", 1020),
}

WEB_JOBS = {
    "SCHEDULER_DATA_REFRESH_INTERVAL": JobSettings(
        "data-refresh", "every 15m", "/api/sync/trigger", "POST", 120.0, token=True
    ),
    "SCHEDULER_HEALTH_CHECK_INTERVAL": JobSettings(
        "health-check", "every 5m", "/api/health", "GET", 30.0, token=True
    ),
    "SCHEDULER_SCRIPT_RUN_INTERVAL": JobSettings(
        "script-runner", "every 1m", "/api/scripts/run-due", "POST", 600.0, token=True
    ),
    "": JobSettings(
        "marketplaces", "daily 03:00", "/api/marketplaces/sync-all", "POST", 900.0, token=True
    ),
}
"""What it called for others, by the variable of the interval; with `API_URL` they keep their
clock."""

_INTERVAL_TEXT = "seconds; whole hours become hours, else minutes, rounded up"
_WEB_TEXT = "seconds between calls of {url}; refused without `API_URL`"

VARIABLES = (
    Variable("SESSION_DATA_DIR", "mapped", "the root of sessions", "source.path"),
    Variable(
        "DATA_DIR", "mapped", "its folder `user_sessions` is the root, unless `SESSION_DATA_DIR` "
        "names one", "source.path",
    ),
    Variable(
        "AGNES_SESSION_DATA_DIR", "refused",
        "it was read in one place only: set SESSION_DATA_DIR, or write a [[source]]",
    ),
    *(
        Variable(name, "mapped", _INTERVAL_TEXT, one.setting) for name, one in INTERVALS.items()
    ),
    Variable(
        FIXED, "mapped", "goes before the interval; what is no schedule is a fault, and was "
        "ignored", "scheduler.verification",
    ),
    Variable(TICK, "mapped", "a tick above the smallest interval is a fault", "scheduler.tick_s"),
    Variable(GRACE, "mapped", "0 is allowed", "scheduler.startup_grace_s"),
    Variable(SKIP, "mapped", '`1`, `true` and `TRUE` switch the collector `"off"`; others do '
             "nothing", "scheduler.collector"),
    Variable(
        "API_URL", "mapped", "with it the jobs "
        + ", ".join(f"`{job.name}`" for job in WEB_JOBS.values())
        + " are called below it, if `SCHEDULER_API_TOKEN` is set as well",
        "scheduler.api_url",
    ),
    *(
        Variable(name, "mapped", _WEB_TEXT.format(url=f"`{job.url}`"), f"job {job.name}")
        for name, job in WEB_JOBS.items() if name
    ),
    Variable(
        "SCHEDULER_API_TOKEN", "kept",
        f"the bearer of calls below `API_URL`; one below {TOKEN_CHARS_MIN} characters is a "
        "fault, and was ignored",
    ),
    Variable("ANTHROPIC_API_KEY", "kept", "the key of the model's API"),
    Variable("LLM_API_KEY", "kept", "the key of the model's API where the first is not set"),
    Variable(
        "SESSION_PROCESSOR_MAX_PER_RUN", "kept", "sessions tried in a run, not of `usage`; goes "
        "before `runs.files_max`; empty, 0, less, or no number is no bound",
    ),
    Variable(
        "USAGE_EVENTS_RETENTION_DAYS", "mapped",
        "`usage_events` and `document_usage_events` are kept so long; 0 is for ever",
        "retention.tables",
    ),
    Variable(
        "CORPORATE_MEMORY_HOME_BASE", "mapped",
        "where it is not set, no notes of homes are read; it was `/home` then", "memory.homes",
    ),
    Variable(
        "CORPORATE_MEMORY_DIR", "refused",
        "knowledge lies in the database and not in JSON files: remove it",
    ),
    Variable(
        "SCHEDULER_USAGE_PRUNE_INTERVAL", "refused",
        "pruning has no clock of its own: remove it",
    ),
    Variable(
        "SESSION_PIPELINE_STUCK_FILE_GRACE_SECONDS", "mapped",
        "of every processor, and compared with the files themselves", "limits.stuck_file_s",
    ),
    Variable("SCHEDULER_KNOWLEDGE_DIGESTS_INTERVAL", "refused", f"no such job: {WRITE_A_JOB}"),
    Variable("USAGE_ASK_MODEL", "refused", "usage is not asked through a model: remove it"),
    Variable(
        "LOCAL_DEV_MODE", "refused",
        "a service on this machine alone without any token is in development mode: remove it",
    ),
    Variable("SCHEDULER_*_INTERVAL", "refused", f"of any other job: {WRITE_A_JOB}"),
)  # fmt: skip
