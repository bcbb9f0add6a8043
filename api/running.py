"""Endpoints for jobs and their runs: start, follow, cancel, and look back.

The rule: a run that goes on is told from the run itself, and one that has ended from its record.
"""

from typing import Annotated, Any

from msgspec import Meta, field

from api.endpoints import Ask, Endpoint, Fields, given
from api.parts import Parts

Limit = Annotated[int, Meta(ge=1, le=1000)]


class RunsQuery(Fields):
    limit: Limit = 100
    after: str | None = None
    job: str | None = None


class RunBody(Fields):
    job: Annotated[str, Meta(min_length=1, max_length=200)]
    params: dict[str, Any] = field(default_factory=dict)


class RescanBody(Fields):
    processor: str | None = None
    session: str | None = None


def endpoints(parts: Parts) -> list[Endpoint]:
    """Every job leaves its own row in the audit, so these leave none besides."""
    here = _Running(parts)
    return [
        Endpoint("GET", "/api/v1/jobs", here.jobs, "What may be run, and what runs."),
        Endpoint("GET", "/api/v1/runs", here.runs, "Runs, newest first.", query=RunsQuery),
        Endpoint("GET", "/api/v1/runs/{run}", here.one, "One run, while and after.", errors=(404,)),
        Endpoint(
            "POST", "/api/v1/runs", here.start, "Run a job in the background.", body=RunBody,
            status=202, errors=(409,),
        ),
        Endpoint(
            "POST", "/api/v1/runs/{run}/cancel", here.cancel, "Ask a run to end.", body=Fields,
            action="run.cancel", resource="run:{run}", errors=(404, 409),
        ),
        Endpoint(
            "POST", "/api/v1/rescan", here.rescan, "Build rows anew from their files.",
            body=RescanBody, status=202,
        ),
        Endpoint(
            "POST", "/api/admin/rescan", here.rescan, "The same, beside the forced runs.",
            body=RescanBody, status=202, legacy=True,
        ),
    ]  # fmt: skip


class _Running:
    def __init__(self, parts: Parts) -> None:
        self._jobs = parts.jobs
        self._desk = parts.desk

    def jobs(self, _: Ask) -> dict[str, Any]:
        running = self._jobs.running()
        return {
            "jobs": [
                {
                    "job": name,
                    "takes": self._jobs.takes(name),
                    "running": running[name].run_id if name in running else None,
                }
                for name in self._jobs.names()
            ]
        }

    def runs(self, ask: Ask) -> dict[str, Any]:
        query: RunsQuery = ask.query
        page = self._desk.runs.page(query.limit, query.after, query.job)
        return {**page, "runs": [self._now(run) for run in page["runs"]]}

    def one(self, ask: Ask) -> dict[str, Any]:
        return self._now(self._desk.runs.one(ask.path["run"]))

    def start(self, ask: Ask) -> dict[str, Any]:
        body: RunBody = ask.body
        return self._jobs.start(body.job, ask.who, body.params, ask.correlation_id)

    def cancel(self, ask: Ask) -> dict[str, Any]:
        return self._jobs.cancel(ask.path["run"])

    def rescan(self, ask: Ask) -> dict[str, Any]:
        return self._jobs.start("rescan", ask.who, given(ask.body), ask.correlation_id)

    def _now(self, run: dict[str, Any]) -> dict[str, Any]:
        """With the progress of a run that goes on: its record has only how it began."""
        live = self._jobs.live(run["run_id"]) if run["state"] == "running" else None
        return {**run, "details": dict(live.progress)} if live else run
