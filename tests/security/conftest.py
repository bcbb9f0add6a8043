"""One service over the demo sessions for all of this room, with an asker of every kind."""

import pytest

from tests.tools.askers import Askers
from tests.tools.service import PROJECT, in_process, quiet, settings_for

DEMO = PROJECT / "demo/sessions"


@pytest.fixture(scope="package")
def service(tmp_path_factory):
    settings = settings_for(tmp_path_factory.mktemp("security") / "t.duckdb", DEMO, canary=False)
    with in_process(settings) as running:
        quiet(running)
        yield running


@pytest.fixture(scope="package")
def askers(service):
    return Askers(service)


@pytest.fixture
def port(askers):
    return askers.port
