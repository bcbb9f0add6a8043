"""The law of retention: of a file and a table there are all rows or, listed as retired, none.

The machine of the engine law, with somebody who takes rows of old files at any moment. Files do not
vanish here: what was read of one and not committed yet is then a loss, and has laws of its own.
"""

from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from core.keys import SessionKey
from core.rows import Retire
from tests.laws.test_engine import PLACES, EngineMachine, expected, found
from tests.tools.simulation import DuckStorage, key
from tests.tools.writers import assistant_line


class RetiringMachine(EngineMachine):
    """Over the real database, which alone knows retention."""

    delete: Any = None
    rename: Any = None

    def storage(self) -> Any:
        return DuckStorage()

    @initialize()
    def files_whose_dialect_is_known(self) -> None:
        """Else each append reads the whole file."""
        for one in map(key, "abc"):
            self.change(one, assistant_line(str(one)), event=True)
        self.drain()

    @rule(
        table=st.sampled_from(["seen", "whole"]),
        age_s=st.sampled_from([-1.0, 0.05, 100.0]),
        limit=st.sampled_from([1, 2, 1000]),
    )
    def retire(self, table: str, age_s: float, limit: int) -> None:
        before_us = int((self.world.clock.seconds - age_s) * 1e6)
        self.world.submit(Retire(table, before_us, limit)).result()

    @invariant()
    def what_is_retired_has_no_rows(self) -> None:
        for table in ("seen", "whole"):
            left = self.asked(
                f'SELECT count(*) FROM raw."{table}" WHERE generation IN '
                f"(SELECT generation FROM retired WHERE table_name = '{table}')"
            )
            assert left == [(0,)], table

    @invariant()
    def nothing_is_listed_twice(self) -> None:
        assert self.asked(
            "SELECT count(*) - count(DISTINCT (table_name, generation)) FROM retired"
        ) == [(0,)]

    def teardown(self) -> None:
        self.world.settle()
        for one in self.world.files.inodes:
            for table, name in PLACES:
                if (table, name, one) in self.retired():
                    want = []
                else:
                    want = expected(self.content(one), self.version, table, name)
                assert found(self.world, one, table, name) == want, (one, self.content(one))
        before = self.world.storage.ledger_rows()
        self.world.settle()
        assert before == self.world.storage.ledger_rows(), "a quiet world must stay as it is"

    def retired(self) -> set[tuple[str, str, SessionKey]]:
        rows = self.asked(
            "SELECT r.table_name, l.processor, f.source, f.path FROM retired r "
            "JOIN ledger l USING (generation) JOIN files f USING (file_id)"
        )
        return {(table, name, SessionKey(*key)) for table, name, *key in rows}

    def asked(self, query: str) -> Any:
        return self.world.storage.db.execute(query).fetchall()


RetiringMachine.TestCase.settings = settings(max_examples=25, stateful_step_count=40)
TestRetiring = pytest.mark.slow(RetiringMachine.TestCase)
