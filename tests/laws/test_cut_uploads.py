"""The law of uploads: wherever the wire is cut, what is seen is the old content or the new, and the
next push completes it."""

from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.errors import SessionwatchError
from tests.tools.cutting import wire_to
from tests.tools.pushes import Home
from tests.tools.uploads import taking
from tests.tools.writers import assistant_line

OLD = b"".join(assistant_line(str(number)) for number in range(5))
GROWN = OLD + b"".join(assistant_line(str(number)) for number in range(5, 12))
OTHER = b"".join(assistant_line(f"other-{number}") for number in range(8))
REQUEST_BYTES = 1500
"""About what the requests of one push have; a cut behind them cuts nothing."""


@pytest.fixture(scope="module")
def taker(tmp_path_factory):
    with taking(tmp_path_factory.mktemp("there")) as found:
        yield found


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return Home(tmp_path_factory.mktemp("machine") / "home")


@pytest.fixture(scope="module")
def numbers():
    return iter(range(10**9))


@pytest.mark.slow
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cut_after=st.integers(0, REQUEST_BYTES), new=st.sampled_from([GROWN, OTHER, OLD[:900]]),
       knows=st.booleans())  # fmt: skip
def test_a_cut_at_any_byte_leaves_the_old_content_or_the_new(
    taker, home, numbers, cut_after, new, knows
):
    path = f"p/{next(numbers)}.jsonl"
    address, token = taker.sender.address, taker.sender.token
    file = home.write(path, OLD)
    with wire_to(address.hostname, address.port) as wire:
        home.push(wire.url, token)
        if not knows:
            (home.folder / "journal.json").unlink()
        file.write_bytes(new)
        wire.cut_after = wire.passed + cut_after
        with suppress(SessionwatchError):
            home.push(wire.url, token, patience_s=0, replace=True)
        seen = taker.file(path).read_bytes()
        wire.cut_after = None
        stats = home.push(wire.url, token, replace=True)

    assert seen in (OLD, new)
    assert stats.errors == 0
    assert taker.file(path).read_bytes() == new
    file.unlink()
