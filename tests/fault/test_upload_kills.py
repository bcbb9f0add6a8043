"""The service is killed while uploads come in: nothing is lost, nothing is there twice, and nothing
half lies about in the end."""

import random
import threading
from contextlib import suppress

import pytest

from core.errors import SessionwatchError
from tests.tools.pushes import Home
from tests.tools.service import ServiceProcess
from tests.tools.writers import assistant_line
from watcher.disk import Source

KILLS = 5
FILES = 6


@pytest.mark.fault
def test_kills_under_uploads_lose_and_double_nothing(tmp_path):
    chance = random.Random(7)
    home, drop = Home(tmp_path / "home"), tmp_path / "drop"
    drop.mkdir()
    source = Source.at(drop).name
    service = ServiceProcess(tmp_path / "t.duckdb", drop, uploads_into=source)
    lines = 0
    try:
        for _ in range(KILLS):
            service.start()
            url = service.url
            for _ in range(20):
                home.write(f"p/{chance.randrange(FILES)}.jsonl", assistant_line(str(lines)))
                lines += 1
                killer = threading.Timer(chance.random(), service.kill)
                if chance.random() < 0.2:
                    killer.start()
                with suppress(SessionwatchError):
                    pushed(home, url)
                killer.cancel()
                if service.returncode is not None:
                    break
            if service.returncode is None:
                service.kill()
        home.write("p/last.jsonl", assistant_line(str(lines)))
        lines += 1
        service.start()
        stats = pushed(home, service.url)
        service.wait_until(lambda: messages(service) == lines)
        left = [p.name for p in drop.rglob(".sessionwatch-upload-*")]

        assert stats.errors == 0
        for path in home.projects.rglob("*.jsonl"):
            there = drop / "amara" / path.relative_to(home.projects)
            assert there.read_bytes() == path.read_bytes()
        assert messages(service) == lines
        assert left == []
    finally:
        service.close()


def pushed(home, url):
    return home.push(url, "", patience_s=0, user="amara")


def messages(service):
    return service.sql("SELECT count(*) FROM usage_messages")[0][0]
