"""The predecessor's run endpoints: same paths, bodies, statuses and audit rows.

The rule: each answers once its job has ended. What a job does, and that it never runs twice at
once, is the job's own business (`service.job_list`).
"""

from typing import Any

from api.endpoints import Ask, Endpoint, Fields
from api.parts import Parts
from core.acting import went_well
from core.errors import ConfigurationError

_PREFIX = "session-processor:"


class ProcessorQuery(Fields):
    processor: str


def endpoints(parts: Parts) -> list[Endpoint]:
    """Bodies are empty; one that is sent is not looked at, as before."""
    here = _Forced(parts)
    return [
        Endpoint(
            "POST", "/api/admin/run-session-processor", here.processor,
            "Run one processor now over what it has not read.", query=ProcessorQuery,
            errors=(409,), legacy=True,
        ),
        Endpoint(
            "POST", "/api/admin/run-session-collector", here.collector,
            "Collect session files of users' homes now.", errors=(409,), legacy=True,
        ),
        Endpoint(
            "POST", "/api/admin/run-corporate-memory", here.memory,
            "Take up users' notes now.", errors=(409,), legacy=True,
        ),
    ]  # fmt: skip


class _Forced:
    def __init__(self, parts: Parts) -> None:
        self._jobs = parts.jobs
        self._desk = parts.desk

    def processor(self, ask: Ask) -> dict[str, Any]:
        name = ask.query.processor
        known = [job.removeprefix(_PREFIX) for job in self._jobs.names() if job.startswith(_PREFIX)]
        if name not in known:
            resource = f"job:{_PREFIX}{name[:100]}"
            with self._desk.audit.acting(ask.who, "run_session_processor", resource):
                raise ConfigurationError(
                    f"Unknown processor {name[:100]!r}", reason="unknown_processor",
                    hint=f"known: {', '.join(known)}",
                )  # fmt: skip
        return self._run(_PREFIX + name, ask)

    def collector(self, ask: Ask) -> dict[str, Any]:
        hint = "name the drop folder in [collector] of the settings"
        return self._if_configured("session-collector", "run_session_collector", ask, hint)

    def memory(self, ask: Ask) -> dict[str, Any]:
        hint = "it needs no settings: `sessionwatch processors` says why `notes` is not here"
        return self._if_configured("corporate-memory", "run_corporate_memory", ask, hint)

    def _if_configured(self, job: str, action: str, ask: Ask, hint: str) -> dict[str, Any]:
        if job not in self._jobs.names():
            with self._desk.audit.acting(ask.who, action, f"job:{job}"):
                raise ConfigurationError(
                    f"{job} is not configured", reason="not_configured", hint=hint
                )
        return self._run(job, ask)

    def _run(self, job: str, ask: Ask) -> dict[str, Any]:
        details = dict(self._jobs.run(job, ask.who, correlation_id=ask.correlation_id))
        return {"ok": went_well(details), "details": details}
