"""Rules folders on a real disk."""

import os
import subprocess
import sys
import threading

import pytest

from core.errors import ConfigurationError
from knowledge.bundle import bundle
from knowledge.pull import MANIFEST_FILE
from knowledge.values import Viewer
from service.pulling import pull
from tests.tools.knowledge import NOW_US, entry


def contents(folder):
    return {p.name: p.read_text() for p in folder.iterdir() if p.name != MANIFEST_FILE}


def test_a_bundle_is_written_changed_and_withdrawn(tmp_path):
    folder = tmp_path / ".claude/rules"
    rule = entry("Deploys need two approvals", state="mandatory")
    fact = entry("Churn is monthly")
    both = bundle([rule, fact], Viewer("ada"), NOW_US).files
    one = bundle([fact], Viewer("ada"), NOW_US).files

    pull(folder, both)
    assert contents(folder) == dict(both)
    pull(folder, one)
    assert contents(folder) == dict(one)
    assert pull(folder, one).done == ()
    pull(folder, {})
    assert contents(folder) == {}


def test_an_empty_bundle_creates_nothing(tmp_path):
    assert pull(tmp_path / "rules", {}).done == ()
    assert not (tmp_path / "rules").exists()


def test_foreign_files_are_left_alone_and_told(tmp_path):
    (tmp_path / "own.md").write_text("mine")
    (tmp_path / "km_a.md").write_text("mine too")
    (tmp_path / "km_z.md").write_text("left over")
    done = pull(tmp_path, {"km_a.md": "A", "km_b.md": "B"})

    assert (done.blocked, done.strays) == (("km_a.md",), ("km_z.md",))
    assert contents(tmp_path) == {
        "own.md": "mine",
        "km_a.md": "mine too",
        "km_z.md": "left over",
        "km_b.md": "B",
    }


def test_an_edited_file_is_set_aside(tmp_path):
    pull(tmp_path, {"km_a.md": "A"})
    (tmp_path / "km_a.md").write_text("A and my words")
    pull(tmp_path, {})

    assert contents(tmp_path) == {"km_a.md.edited": "A and my words"}


def test_nothing_is_written_or_read_through_a_link(tmp_path):
    outside = tmp_path / "outside.txt"
    outside.write_text("secret")
    folder = tmp_path / "rules"
    pull(folder, {"km_b.md": "B"})
    (folder / "km_a.md").symlink_to(outside)
    (folder / "km_b.md").unlink()
    (folder / "km_b.md").symlink_to(outside)
    done = pull(folder, {"km_a.md": "A", "km_b.md": "B2"})

    assert done.blocked == ("km_a.md",)
    assert outside.read_text() == "secret"
    assert (folder / "km_b.md").read_text() == "B2"
    assert not (folder / "km_b.md").is_symlink()


def test_a_folder_that_is_a_link_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "rules").symlink_to(tmp_path / "real")

    with pytest.raises(ConfigurationError, match="no link"):
        pull(tmp_path / "rules", {"km_a.md": "A"})
    assert list((tmp_path / "real").iterdir()) == []


def test_a_pipe_by_the_name_of_a_file_holds_nothing_up(tmp_path):
    os.mkfifo(tmp_path / "km_a.md")

    assert pull(tmp_path, {"km_a.md": "A"}).blocked == ("km_a.md",)


@pytest.mark.parametrize("text", ["{", '{"bundle": "", "files": {"../x": []}}'])
def test_a_manifest_that_cannot_be_trusted_stops_the_pull(tmp_path, text):
    pull(tmp_path, {"km_a.md": "A"})
    (tmp_path / MANIFEST_FILE).write_text(text)

    with pytest.raises(ConfigurationError, match="pull again"):
        pull(tmp_path, {})
    assert contents(tmp_path) == {"km_a.md": "A"}


def test_a_manifest_of_another_key_stops_the_pull(tmp_path):
    pull(tmp_path, {"km_a.md": "A"}, key=b"one")

    with pytest.raises(ConfigurationError):
        pull(tmp_path, {}, key=b"other")
    assert pull(tmp_path, {}, key=b"one").done


def test_what_a_crash_left_half_written_goes_away(tmp_path):
    (tmp_path / ".km_new_0123").write_text("half")
    pull(tmp_path, {"km_a.md": "A"})

    assert contents(tmp_path) == {"km_a.md": "A"}


def test_pulls_into_one_folder_take_turns(tmp_path):
    bundles = [{f"km_{n}.md": "x" * n, "km_all.md": str(n)} for n in range(8)]
    threads = [threading.Thread(target=pull, args=(tmp_path, files)) for files in bundles]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert contents(tmp_path) in bundles


def test_a_pull_that_is_killed_is_finished_by_the_next(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from service import pulling\n"
        "left = int(sys.argv[2]); real = pulling._carry_out\n"
        "def carry_out(place, step):\n"
        "    global left\n"
        "    if left == 0: os._exit(9)\n"
        "    left -= 1; real(place, step)\n"
        "pulling._carry_out = carry_out\n"
        "pulling.pull(Path(sys.argv[1]), {'km_b.md': 'B2', 'km_c.md': 'C'})\n"
    )
    for steps in range(6):
        folder = tmp_path / str(steps)
        pull(folder, {"km_a.md": "A", "km_b.md": "B"})
        subprocess.run([sys.executable, "-c", code, folder, str(steps)], check=False)
        pull(folder, {"km_c.md": "C2"})

        assert contents(folder) == {"km_c.md": "C2"}


def test_a_folder_by_the_name_of_a_file_is_left_alone_and_told(tmp_path):
    (tmp_path / "km_a.md").mkdir()
    (tmp_path / "km_z.md").mkdir()
    done = pull(tmp_path, {"km_a.md": "A", "km_b.md": "B"})

    assert (done.blocked, done.strays) == (("km_a.md",), ("km_z.md",))
    assert (tmp_path / "km_b.md").read_text() == "B"
    assert (tmp_path / "km_a.md").is_dir()
