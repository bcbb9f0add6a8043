"""How many files a forced run tries: the setting, and the predecessor's variable before it."""

import pytest

from service.run_limits import VARIABLE, RunLimits, files_max_of


@pytest.mark.parametrize(
    ("environ", "wanted"),
    [
        ({}, 50),
        ({VARIABLE: "7"}, 7),
        ({VARIABLE: " 7 "}, 7),
        ({VARIABLE: ""}, None),
        ({VARIABLE: "many"}, None),
        ({VARIABLE: "0"}, None),
        ({VARIABLE: "-3"}, None),
    ],
)
def test_the_variable_counts_before_the_setting_and_nonsense_means_no_cap(environ, wanted):
    assert files_max_of(RunLimits(), environ, "session") == wanted


def test_a_setting_of_0_means_no_cap():
    assert files_max_of(RunLimits(files_max=0), {}, "session") is None
    assert files_max_of(RunLimits(files_max=3), {}, "session") == 3


@pytest.mark.parametrize("kind", ["line", "document"])
def test_what_is_quick_is_never_capped(kind):
    assert files_max_of(RunLimits(), {VARIABLE: "1"}, kind) is None
