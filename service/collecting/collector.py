"""One run of the collector: all homes, or what was touched in them.

The rules: what one file, folder or user refuses is counted and costs the others nothing; one run at
a time writes to a drop folder; and nothing is remembered that the next run could not do without.
"""

import logging
import os
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager

from core.errors import ConfigurationError
from service.collecting import beneath, drop, homes
from service.collecting.copying import Proof, Stopped
from service.collecting.drop import Style
from service.collecting.homes import Entered, Place
from service.collecting.patterns import Choice
from service.collecting.round import Round
from service.collecting.settings import CollectorSettings
from service.collecting.stats import Stats

log = logging.getLogger("sessionwatch.collector")

SKIP_VARIABLE = "AGNES_SKIP_LEGACY_COLLECTOR"
"""Whoever switched the predecessor's collector off means this one as well."""
PROOFS_MAX = 4096


class Collector:
    """Copies what `settings` name. One thread at a time may use it.

    `entered` is told of every folder of a home that is looked into, while it is open.
    """

    def __init__(
        self,
        settings: CollectorSettings,
        *,
        environ: Mapping[str, str] = os.environ,
        entered: Entered = lambda fd, place: None,
        patience_s: float = 0.0,
    ) -> None:
        """Raises `ConfigurationError` if the settings name no drop folder."""
        if not settings.into:
            raise ConfigurationError(
                "no drop folder is named", reason="no_drop_folder",
                hint="set [collector] into to a source's folder",
            )  # fmt: skip
        self.choice = Choice(settings.homes, settings.files, settings.exclude)
        self._settings = settings
        self._is_off = environ.get(SKIP_VARIABLE, "").strip() in ("1", "true", "TRUE")
        self._entered = entered
        self._patience_s = patience_s
        self._style: Style | None = None
        self._proofs: OrderedDict[Place, Proof] = OrderedDict()

    def run(
        self,
        *,
        dry_run: bool = False,
        stopping: Callable[[], bool] = lambda: False,
        progress: Callable[[int, int], None] = lambda done, total: None,
        users: Collection[str] | None = None,
    ) -> Stats:
        """Look at all homes and prove every copy that may have changed; or look at those of some
        users, where what was proved before is proved by its ends.

        `progress` is told how many users are done, and of how many. Raises `ConfigurationError` if
        the drop folder cannot be used, `TransientError` if another run has it.
        """
        stats = Stats(skipped=self._is_off)
        if self._is_off:
            return stats
        proofs = {} if users is None else self._proofs
        with self._round(stats, stopping, proofs, dry_run=dry_run) as round_:
            found = self._homes(stats, users)
            for number, (user, bases) in enumerate(found):
                if stopping():
                    break
                round_.user(user, bases, share=len(found) - number)
                progress(number + 1, len(found))
        return stats

    def collect(
        self, places: Iterable[Place], *, stopping: Callable[[], bool] = lambda: False
    ) -> Stats:
        """Look at these files alone. What was proved before is proved by its ends; the rest is left
        for the next `run`."""
        stats = Stats(skipped=self._is_off)
        if self._is_off:
            return stats
        with self._round(stats, stopping, self._proofs) as round_:
            for place in places:
                round_.touched(place)
        return stats

    @contextmanager
    def _round(
        self,
        stats: Stats,
        stopping: Callable[[], bool],
        proofs: Mapping[Place, Proof],
        *,
        dry_run: bool = False,
    ) -> Iterator[Round]:
        settings = self._settings
        style = self._style or Style(
            int(settings.file_mode, 8), int(settings.folder_mode, 8), drop.gid_of(settings.group)
        )
        into, patience_s = settings.into, self._patience_s
        with drop.opened(into, style, dry_run=dry_run, patience_s=patience_s) as folder:
            if not dry_run and self._style is None:
                folder.remove_partial()
                self._style = style
            round_ = Round(settings, self.choice, folder, stats, stopping, self._entered, proofs)
            try:
                yield round_
            except Stopped:
                log.debug("collect_stopped")
            self._remember(round_.proved)

    def _remember(self, proved: Mapping[Place, Proof]) -> None:
        for place, proof in proved.items():
            self._proofs[place] = proof
            self._proofs.move_to_end(place)
        while len(self._proofs) > PROOFS_MAX:
            self._proofs.popitem(last=False)

    def _homes(self, stats: Stats, users: Collection[str] | None) -> list[tuple[str, list[str]]]:
        found: dict[str, list[str]] = {}
        for base, patterns in self.choice.bases().items():
            try:
                for user in homes.users(base, patterns, self._entered):
                    found.setdefault(user, []).append(base)
            except OSError as error:
                stats.fail("", base, beneath.reason_of(error))
        wanted = (one for one in sorted(found.items()) if self.choice.has_user(one[0]))
        return [one for one in wanted if users is None or one[0] in users]
