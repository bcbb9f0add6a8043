"""schemathesis over the OpenAPI document: what it promises is what a real service does.

The rule: what it finds is mended in the endpoint or in the document. Two checks are left out: that
what fits the schema is accepted (a zone, a day, a place in a list can be well formed and wrong);
and the one that takes a documented 503 for a fault, for which there is our own (`schema_hooks`).
"""

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from api import failures
from tests.tools.askers import bearer

HERE = Path(__file__).parent
EXAMPLES = 6
SECONDS = 40

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not find_spec("schemathesis"), reason="schemathesis is not installed: `make setup`"
    ),
]


def test_the_service_does_what_its_document_says(askers, port, service, tmp_path, monkeypatch):
    # It guesses tokens as well, and shall not be locked out for that.
    monkeypatch.setattr(failures, "FAILURES_MAX", 1_000_000)
    admin = bearer(askers.texts["admin"])["Authorization"]
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"), "run", "--no-color",
            f"http://127.0.0.1:{port}/api/v1/openapi.json",
            "--header", f"Authorization: {admin}", "--header", "X-Forwarded-For: 203.0.113.9",
            "--checks", "all", "--exclude-checks", "positive_data_acceptance,not_a_server_error",
            "--max-examples", str(EXAMPLES), "--generation-deterministic",
            "--max-time", str(SECONDS), "--suppress-health-check", "all",
        ],
        cwd=tmp_path, capture_output=True, text=True, timeout=3 * SECONDS, check=False,
        env=os.environ | {"PYTHONPATH": str(HERE), "SCHEMATHESIS_HOOKS": "schema_hooks"},
    )  # fmt: skip

    found = done.stdout.partition(" FAILURES ")[2] or done.stdout
    assert done.returncode == 0, found[:8000] + done.stderr[-2000:]
    assert not service.dead()
