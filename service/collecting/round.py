"""What one run has in hand: judges every file that is found, and has it copied.

The rule: whatever goes wrong with a file is an error of this file, with a word for it; only the end
of the run itself (`Stopped`) goes further up.
"""

import os
import stat as modes
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from core.errors import PermanentError
from core.private import Private
from service.collecting import beneath, homes
from service.collecting.copying import Copied, Job, Proof, Stopped, bring_up
from service.collecting.drop import Drop
from service.collecting.homes import Entered, Found, Home, Place, Walk
from service.collecting.patterns import Choice, HomePattern, Parts
from service.collecting.private import private_of
from service.collecting.settings import CollectorSettings
from service.collecting.stats import Stats

UNBOUNDED = 1 << 62


@dataclass
class Round:
    """`proofs` are those of earlier runs, `proved` is what this one proves."""

    settings: CollectorSettings
    choice: Choice
    drop: Drop
    stats: Stats
    stopping: Callable[[], bool]
    entered: Entered
    proofs: Mapping[Place, Proof]
    proved: dict[Place, Proof] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._left = self._share = self.settings.run_max_bytes or UNBOUNDED

    def user(self, user: str, bases: Iterable[str], *, share: int) -> None:
        """Everything of one user, who gets one part in `share` of the bytes that are left."""
        before = self.stats.files_copied + self.stats.files_skipped
        self._share = self._left // share
        for base in bases:
            place = Place(base, user, ())
            with self._home(place) as found, self._telling(place):
                if found:
                    self._all_of(*found)
        self.stats.users_processed += self.stats.files_copied + self.stats.files_skipped > before

    def touched(self, place: Place) -> None:
        """One file of a home, if it is there and wanted."""
        patterns = [one for one in self.choice.patterns if one.base == place.base]
        wanted = (one for one in patterns if self.choice.place(one, place.user, place.parts))
        pattern = next(wanted, None)
        if pattern is None or not self.choice.has_user(place.user):
            return
        with self._home(place) as found, self._telling(place):
            if found:
                self._one(*found, pattern, place)

    def _all_of(self, home: Home, private: Private) -> None:
        for pattern in self.choice.patterns:
            if pattern.base == home.place.base and pattern.has_user(home.place.user):
                for found in Walk(home, pattern, self.choice, self.entered, self._failed):
                    self._file(home, pattern, private, found)

    def _one(self, home: Home, private: Private, pattern: HomePattern, place: Place) -> None:
        folder = beneath.descend(place.parts[:-1], home.fd, home.owner.device)
        try:
            self._file(home, pattern, private, Found(place, folder))
        finally:
            os.close(folder)

    @contextmanager
    def _home(self, place: Place) -> Iterator[tuple[Home, Private] | None]:
        """A user's home and what is private in it; what goes wrong with the home is told."""
        with ExitStack() as stack:
            found = None
            with self._telling(place):
                home = stack.enter_context(
                    homes.opened(place.base, place.user, self.settings.min_uid)
                )
                if home:
                    found = home, private_of(home.fd, self.settings.private, home.owner)
            yield found

    @contextmanager
    def _telling(self, place: Place) -> Iterator[None]:
        """What goes wrong here is an error of this place, unless it is gone again."""
        try:
            yield
        except FileNotFoundError:
            return
        except (PermanentError, OSError) as error:
            self._failed(place, error)

    def _failed(self, place: Place, error: Exception) -> None:
        self.stats.fail(place.user, place.path, beneath.reason_of(error))

    def _file(self, home: Home, pattern: HomePattern, private: Private, found: Found) -> None:
        if self.stopping():
            raise Stopped
        place = self.choice.place(pattern, home.place.user, found.place.parts)
        if place is None:
            return
        if private(place[1:]):
            self.stats.files_skipped += 1
            return
        copied = None
        with self._telling(found.place):
            self._refuse_second(home, pattern, place)
            copied = self._copied(home, found, place)
        if copied:
            self._count(found.place, copied)

    def _count(self, place: Place, copied: Copied) -> None:
        self.stats.files_copied += copied.changed
        self.stats.files_skipped += not copied.changed
        self.stats.bytes_copied += copied.size_bytes
        self._left -= copied.size_bytes
        self._share -= copied.size_bytes
        if copied.proof:
            self.proved[place] = copied.proof

    def _refuse_second(self, home: Home, pattern: HomePattern, place: Parts) -> None:
        """Of two files that would come to one place the first pattern's is meant, lest they replace
        each other in turns."""
        for parts in self.choice.rivals(pattern, home.place.user, place):
            with suppress(OSError, PermanentError):
                folder = beneath.descend(parts[:-1], home.fd, home.owner.device)
                try:
                    is_file = modes.S_ISREG(beneath.stat(parts[-1], folder).st_mode)
                finally:
                    os.close(folder)
                if is_file:
                    break
        else:
            return
        raise beneath.refused("place_taken")

    def _copied(self, home: Home, found: Found, place: Parts) -> Copied:
        """Raises `FileNotFoundError` if the file vanished meanwhile."""
        name = found.place.parts[-1]
        theirs = beneath.stat(name, found.folder)
        beneath.refuse_foreign(theirs, home.owner)
        if theirs.st_size > self.settings.file_max_bytes:
            raise beneath.refused("too_large")
        folder = self.drop.folder(place[:-1])
        if folder is not None and self._is_same(theirs, name, folder):
            return Copied(changed=False, size_bytes=0)
        source = beneath.file(name, found.folder, home.owner)
        try:
            return self._brought_up(source, found.place, folder)
        finally:
            os.close(source)

    def _is_same(self, theirs: os.stat_result, name: str, folder: int) -> bool:
        """Do size, time and mode say that there is nothing to do?"""
        try:
            ours = beneath.stat(name, folder)
        except FileNotFoundError:
            return False
        alike = (ours.st_size, ours.st_mtime_ns) == (theirs.st_size, theirs.st_mtime_ns)
        return alike and modes.S_ISREG(ours.st_mode) and self.drop.is_styled(ours)

    def _brought_up(self, source: int, place: Place, folder: int | None) -> Copied:
        copy = self._copy(place.parts[-1], folder)
        try:
            job = Job(
                source, self.drop, folder, place.parts[-1], self.proofs.get(place), self._share,
                self.stopping,
            )  # fmt: skip
            return bring_up(job, copy)
        finally:
            if copy is not None:
                os.close(copy)

    def _copy(self, name: str, folder: int | None) -> int | None:
        """The copy that is there, if it is one that we may write to."""
        if folder is None:
            return None
        flags = os.O_RDONLY if self.drop.dry_run else os.O_RDWR
        try:
            return beneath.file(name, folder, self.drop.owner, flags)
        except FileNotFoundError:
            return None
        except PermanentError as error:
            raise beneath.refused(f"copy_{error.reason}") from error
