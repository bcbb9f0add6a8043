"""Which files of a source are session files."""

import pytest

from watcher.wanted import Wanted

SESSIONS = ("*.jsonl", "*.jsonl.gz")


@pytest.mark.parametrize(
    "path", ["a.jsonl", "amara/p/a.jsonl", "amara/.jsonl", "x.jsonl/b.jsonl.gz"]
)
def test_without_patterns_the_name_decides(path):
    assert Wanted(SESSIONS)(path)


@pytest.mark.parametrize("path", ["a.json", "a.JSONL", "a.jsonl/b", "a.jsonl.xz", ""])
def test_other_names_are_not_wanted(path):
    assert not Wanted(SESSIONS, include=["*"])(path)


def test_a_pattern_is_of_the_whole_path_and_its_star_crosses_folders():
    wanted = Wanted(SESSIONS, include=["amara/*", "*/keep/*"])

    assert wanted("amara/p/q/a.jsonl")
    assert wanted("mei/keep/a.jsonl")
    assert not wanted("keep/a.jsonl")
    assert not wanted("x/amara/a.jsonl")
    assert not wanted("Amara/a.jsonl")


def test_what_is_excluded_is_not_included():
    wanted = Wanted(SESSIONS, include=["amara/*"], exclude=["*/drafts/*", "amara/[0-9].jsonl"])

    assert wanted("amara/a.jsonl")
    assert not wanted("amara/drafts/a.jsonl")
    assert not wanted("amara/7.jsonl")
    assert not wanted("mei/a.jsonl")


def test_a_folder_is_only_left_out_if_all_that_could_be_in_it_is():
    wanted = Wanted(SESSIONS, exclude=["*/drafts/*", "old*", "amara/*.gz", "mei/"])

    assert not wanted.folder("amara/drafts")
    assert not wanted.folder("amara/drafts/deeper")
    assert not wanted.folder("older")
    assert wanted.folder("drafts")
    assert wanted.folder("amara")
    assert wanted.folder("amara/x.gz")
    assert wanted.folder("mei")


def test_whatever_is_below_a_folder_left_out_is_excluded():
    wanted = Wanted(SESSIONS, exclude=["*/drafts/*", "old*"])
    paths = ["old/a.jsonl", "older/x/a.jsonl", "amara/drafts/a.jsonl", "amara/drafts/b/c.jsonl"]

    for path in paths:
        folders = path.split("/")[:-1]
        assert not all(wanted.folder("/".join(folders[: n + 1])) for n in range(len(folders)))
        assert not wanted(path)
