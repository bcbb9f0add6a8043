"""What was seen to change, between threads."""

import threading

from tests.tools.waiting import wait_for
from watcher.notes import Batch, Notes


def test_a_path_is_noted_once_however_often_it_is_seen():
    notes = Notes()
    for _ in range(3):
        notes.add(("s", "a.jsonl"))
    notes.add(("s", "u"), is_folder=True)

    assert notes.take() == Batch({("s", "a.jsonl"): None}, {("s", "u"): None})
    assert notes.seen_count == 4


def test_too_many_notes_become_one_sweep():
    notes = Notes(notes_max=3)
    notes.want_sweep("folder_gone")
    for number in range(5):
        notes.add(("s", f"{number}.jsonl"))

    batch = notes.take()

    assert batch
    assert list(batch.sweeps) == ["folder_gone", "too_many_changes"]
    assert list(batch.files) == [("s", "4.jsonl")]
    assert notes.fault_counts == {"too_many_changes": 1}


def test_taking_waits_for_notes_and_ends_with_the_closing():
    notes = Notes()
    taken: list[Batch] = []
    taker = threading.Thread(target=lambda: taken.extend(iter(notes.take, None)), daemon=True)
    taker.start()
    notes.fault("overflow")
    wait_for(lambda: taken)
    notes.close()

    taker.join(10.0)
    assert not taker.is_alive()
    assert taken == [Batch(sweeps={"overflow": None})]


def test_folders_in_noted_folders_are_not_walked_again():
    folders = [("s", "a-b"), ("s", "a"), ("s", "a/b/c"), ("t", "a/b"), ("s", "b"), ("s", "a/b")]

    outermost = Batch(folders=dict.fromkeys(folders)).outermost_folders()

    assert outermost == [("s", "a-b"), ("s", "a"), ("s", "b"), ("t", "a/b")]
