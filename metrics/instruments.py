"""The instruments of the engine, by name: what operators scrape and alerts are written against.

The rule: in and out are counters, `sessionwatch_<thing>_<unit>[_total]`; gauges are read at scrape
time from the parts themselves (`Instruments.watch`), so no thread has to keep them up to date.
"""

from collections.abc import Callable, Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector

from metrics.llm import ModelInstruments

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
JOB_OUTCOMES = ("ok", "busy", "failed", "error")
_ROWS = (1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)


class Instruments:
    """All instruments on one registry; a test makes its own."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        self._gauges: dict[str, Gauge] = {}
        counter, histogram = self._counter, self._histogram
        self.touches = counter("touches", "Keys touched, by what touched them", "origin")
        self.runs = counter("runs", "Keys worked on, by outcome", "processor", "outcome")
        self.bytes = counter("bytes", "Decompressed bytes committed", "processor")
        self.lines = counter("lines", "Records committed", "processor")
        self.rows = counter("rows", "Rows committed", "processor")
        self.quarantined = counter("quarantined", "Faults listed", "processor", "reason")
        self.failures = counter("failures", "Failed tries, by reason", "processor", "reason")
        self.retries = counter("retries", "Tries scheduled again after a failure", "processor")
        self.lost_bytes = counter("lost_bytes", "Bytes that vanished unread", "processor")
        self.fenced = counter("fenced_batches", "Batches dropped by the fence", "processor")
        self.sweeps = counter("sweeps", "Sweeps finished", "source")
        self.sweep_finds = counter("sweep_finds", "Keys only a sweep noticed", "source")
        self.lag = histogram("lag_seconds", "File change to commit", _SECONDS, "processor")
        self.group_rows = histogram("group_rows", "Rows per transaction", _ROWS)
        self.group_commands = histogram("group_commands", "Commands per transaction", _ROWS)
        self.group_seconds = histogram("group_seconds", "Seconds per transaction", _SECONDS)
        self.tally_seconds = histogram("tally_seconds", "Seconds per counting", _SECONDS)
        self.canary = histogram("canary_seconds", "Write to event, of canaries", _SECONDS)
        self.blindness = counter("watch_blindness", "Times a source became blind", "reason")
        self.collected_files = counter("collected_files", "Files copied or added to from homes")
        self.collected_bytes = counter("collected_bytes", "Bytes copied from homes")
        self.collect_errors = counter("collect_errors", "What looks at homes refused or failed at")
        self.job_ends = counter("job_ends", "Runs of jobs that ended", "job", "state")
        self.sweep_seconds = histogram("sweep_seconds", "Seconds per sweep", _SECONDS, "source")
        self.uploads = counter("uploads", "Files that came over HTTP, by outcome", "outcome")
        self.upload_bytes = counter("upload_bytes", "Bytes that uploads added")
        self.job_runs = counter("job_runs", "Runs by the clock, by outcome", "job", "outcome")
        self.job_seconds = histogram("job_seconds", "Seconds per run by the clock", _SECONDS, "job")
        self.model = ModelInstruments(self.registry)

    def expect(
        self,
        processors: Iterable[str] = (),
        sources: Iterable[str] = (),
        reasons: Iterable[str] = (),
        jobs: Iterable[str] = (),
    ) -> None:
        """Begin with 0 what is known to be counted: Prometheus sees no increase in a series that
        begins with its first count, so no alert would tell of a first loss. `reasons` are those of
        blindness."""
        for processor in processors:
            for counter in (self.bytes, self.lines, self.rows, self.retries, self.lost_bytes,
                            self.fenced):  # fmt: skip
                counter.labels(processor)
        for source in sources:
            self.sweeps.labels(source)
            self.sweep_finds.labels(source)
        for reason in reasons:
            self.blindness.labels(reason)
        for job in jobs:
            for outcome in JOB_OUTCOMES:
                self.job_runs.labels(job, outcome)

    def watch(self, name: str, text: str, read: Callable[[], float], **labels: str) -> None:
        """A gauge whose value `read` gives at each scrape."""
        gauge = self._gauges.get(name)
        if gauge is None:
            gauge = Gauge(f"sessionwatch_{name}", text, tuple(labels), registry=self.registry)
            self._gauges[name] = gauge
        (gauge.labels(**labels) if labels else gauge).set_function(read)

    def watch_process(self) -> None:
        """The `process_*` metrics of Prometheus' own convention: memory, CPU, descriptors."""
        ProcessCollector(registry=self.registry)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"sessionwatch_{name}", text, labels, registry=self.registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"sessionwatch_{name}", text, labels, registry=self.registry, buckets=buckets
        )
