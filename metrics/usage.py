"""What was used, as Prometheus counters: tokens, cost, tool calls and errors.

The rule: the number of series is bounded. Of each label the names with the largest numbers are
shown as they are, and the rest together as `other`, however many users and models there are.
The numbers are read from the database, so they count what is in it and start where it stands. One
that falls (a file was rewritten) is to Prometheus a counter that was reset.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NAMES_MAX = 25
OTHER = "other"

Numbers = Sequence[tuple[tuple[str, ...], float]]
"""Label values in the order of the labels, and the number."""


@dataclass(frozen=True, slots=True)
class Series:
    """One metric: its name below `sessionwatch_usage_`, help text, labels and numbers.

    `bounded` are the labels whose names anybody can invent.
    """

    name: str
    text: str
    labels: tuple[str, ...]
    numbers: Numbers
    bounded: tuple[str, ...] = ()
    counter: bool = True


class UsageCollector(Collector):
    """`read` gives the series; it is called at each scrape and must be cheap."""

    def __init__(self, read: Callable[[], Iterable[Series]]) -> None:
        self._read = read

    def describe(self) -> Iterable[Metric]:
        """Nothing: to say it beforehand would be to ask the database."""
        return ()

    def collect(self) -> Iterator[Metric]:
        for series in self._read():
            name = f"sessionwatch_usage_{series.name}"
            family = (CounterMetricFamily if series.counter else GaugeMetricFamily)(
                name, series.text, labels=series.labels
            )
            for values, number in sorted(bounded(series).items()):
                family.add_metric(values, number)
            yield family


def bounded(series: Series) -> Mapping[tuple[str, ...], float]:
    """The numbers with at most `NAMES_MAX` names of each bounded label, and `other`."""
    shown = {
        place: _largest(series.numbers, place)
        for place, label in enumerate(series.labels)
        if label in series.bounded
    }
    found: Counter[tuple[str, ...]] = Counter()
    for values, number in series.numbers:
        kept = (
            value if place not in shown or value in shown[place] else OTHER
            for place, value in enumerate(values)
        )
        found[tuple(kept)] += number  # type: ignore[assignment]  # counts may be fractions
    return found


def _largest(numbers: Numbers, place: int) -> set[str]:
    sums: Counter[str] = Counter()
    for values, number in numbers:
        sums[values[place]] += number  # type: ignore[assignment]
    ranked = sorted(sums, key=lambda name: (-sums[name], name))
    return set(ranked[:NAMES_MAX])
