import logging
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import ConfigurationError
from core.keys import SessionKey
from knowledge.confidence import confidence
from knowledge.values import Evidence, Item
from processors.base import Session, Tools
from processors.verification import Verification
from processors.verifying.redaction import kingfisher
from processors.verifying.rows import VerificationItem, VerificationWindow
from tests.tools.turns import lines

CORRECTION = (
    "agent: Churn is computed monthly over 90 days, from db7corp.",
    "No, churn is computed weekly, not monthly. Say hello to db7corp.",
)
BUNDLE = "<team-knowledge>\nChurn is computed weekly.\n</team-knowledge>\nPlease go on now."
FINDS_HOSTS = """
class Found:
    def __init__(self, start, end):
        self.location = {"start_offset": start, "end_offset": end}

class Scanner:
    def __init__(self, dedup):
        assert not dedup

    def scan(self, data):
        at = data.find(b"db7corp")
        return [Found(at, at + 7)] if at >= 0 else []
"""


def rows(*said: str, key: bytes = b"one key for each test of these"):
    session = Session(SessionKey("team", "ann/one.jsonl"), lines(*said))
    tools = Tools(datetime(2026, 6, 1, tzinfo=UTC), logging.getLogger(), redaction_key=key)
    found = list(Verification().rows(session, tools))
    items = [row for row in found if isinstance(row, VerificationItem)]
    return items, [row for row in found if isinstance(row, VerificationWindow)]


def version_of_a_new_process(folder: Path, first: str = "") -> int:
    """The processor's version where what is in this folder is installed as well."""
    code = f"{first}\nfrom processors.verification import Verification as V; print(V.version)"
    path = os.pathsep.join((str(folder), *sys.path))
    return int(subprocess.check_output([sys.executable, "-c", code], env={"PYTHONPATH": path}))


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a package of kingfisher's name where Python looks first."""

    def place(code: str) -> None:
        (tmp_path / "kingfisher_sdk.py").write_text(code)
        monkeypatch.syspath_prepend(tmp_path)

    known = sys.modules.pop("kingfisher_sdk", None)
    yield place
    sys.modules.pop("kingfisher_sdk", None)
    if known:
        sys.modules["kingfisher_sdk"] = known


def test_an_installed_extra_redacts_what_is_stored(install):
    install(FINDS_HOSTS)

    (item,), (window,) = rows(*CORRECTION, key=b"a key of an installation with it")
    assert "‹kingfisher:" in item.rejected
    assert not any("db7corp" in str(value) for value in (*item, *window))
    assert window.redactions == 1


def test_rows_are_made_anew_when_the_extra_comes_or_goes(install, tmp_path):
    install(FINDS_HOSTS)
    hidden = "import sys; sys.modules['kingfisher_sdk'] = None"

    without = version_of_a_new_process(tmp_path, hidden)
    assert without < kingfisher.VERSION
    assert version_of_a_new_process(tmp_path) == without + kingfisher.VERSION


def test_an_extra_that_is_not_installed_is_not_missed(monkeypatch):
    monkeypatch.setitem(sys.modules, "kingfisher_sdk", None)

    (item,), (window,) = rows(*CORRECTION, key=b"a key of an installation without")
    assert "db7corp" in item.rejected
    assert window.redactions == 0
    assert kingfisher.version() == 0


def test_an_extra_that_does_not_start_lets_nothing_pass(install):
    install("raise ImportError('a shared library is missing')")

    with pytest.raises(ConfigurationError, match="does not start") as caught:
        rows(*CORRECTION, key=b"a key of a broken installation..")
    assert caught.value.reason == "broken_extra"


def evidence(row: VerificationItem, user: str, session: str) -> Evidence:
    return Evidence(
        id=f"{session}-{row.quote_number}",
        item_id="one",
        user=user,
        session=session,
        kind=row.kind,
        extractor=row.extractor,
        observed_at_us=row.said_at_us,
        exposed=row.after_bundle,
    )


def test_rows_carry_what_confidence_is_computed_from():
    (said,), _ = rows(*CORRECTION)
    (echoed,), _ = rows(BUNDLE, *CORRECTION)

    def value(*found: Evidence) -> float:
        return confidence(Item("one", said.statement, owner="ann"), found, 0).value

    ann, bob = evidence(said, "ann", "s1"), evidence(said, "bob", "s2")
    assert value(ann) == pytest.approx(0.55 * 0.7)
    assert value(ann, bob) == pytest.approx(1 - (1 - 0.55 * 0.7) ** 2)
    assert value(ann, evidence(echoed, "bob", "s2")) == value(ann)
