import errno
import logging

import pytest

from watcher import sight
from watcher.sight import Facts, Sight

LIMITS = {"fs.inotify.max_user_watches": 8192, "user.max_inotify_watches": 2**31 - 1}
WELL = Sight(10.0)


@pytest.mark.parametrize(
    ("facts", "why"),
    [
        (Facts(), ""),
        (Facts(root_there=False), "root_missing"),
        (Facts(root_same=False), "root_replaced"),
        (Facts(threads_alive=False), "thread_died"),
        (Facts(limit_reached=True), "watch_limit"),
        (Facts(damage="overflow"), "overflow"),
        (Facts(damage="reader_error"), "reader_error"),
        (Facts(canary_late=True), "canary_late"),
        (Facts(folders_missing=(3, 1)), "watches_missing"),
        (Facts(folders_missing=(0, 3)), ""),  # a folder made a moment ago
        (Facts(folders_missing=(3, 0)), ""),  # it is watched by now
        (Facts(folders_missing=(-2, -2)), ""),  # folders that are excluded are watched as well
    ],
)
def test_what_is_wrong_with_a_watch(facts, why):
    assert sight.fault(facts) == why
    assert why in {"", *sight.REMEDIES}


def test_the_cause_is_told_rather_than_its_effects():
    everything = Facts(
        root_there=False, root_same=False, threads_alive=False, canary_late=True,
        damage="overflow", limit_reached=True, folders_missing=(1, 1),
    )  # fmt: skip

    assert sight.fault(everything) == "root_missing"
    assert sight.fault(everything._replace(root_there=True, root_same=True)) == "thread_died"
    assert sight.fault(Facts(canary_late=True, limit_reached=True)) == "watch_limit"


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (FileNotFoundError(errno.ENOENT, ""), "root_missing"),
        (NotADirectoryError(errno.ENOTDIR, ""), "root_missing"),
        (OSError(errno.ENOSPC, ""), "watch_limit"),
        (OSError(errno.EMFILE, ""), "instance_limit"),
        (PermissionError(errno.EACCES, ""), "watch_refused"),
        (RuntimeError("can't start new thread"), "watch_refused"),
    ],
)
def test_why_a_root_could_not_be_watched(error, why):
    assert sight.refusal(error) == why


def test_a_source_is_blind_since_it_was_last_known_to_be_watched():
    blind = sight.looked(WELL, "overflow", proved_s=14.0)

    assert blind == Sight(10.0, "overflow")
    assert blind.blind_s(25.0) == 15.0
    assert WELL.blind_s(25.0) == 0.0


def test_another_reason_does_not_make_a_blindness_younger():
    blind = sight.looked(Sight(10.0, "root_missing"), "watch_limit", proved_s=None)

    assert blind == Sight(10.0, "watch_limit")


def test_a_new_watch_is_believed_once_it_has_proved_itself():
    blind = Sight(10.0, "thread_died")

    assert sight.looked(blind, "", proved_s=None) == blind
    assert sight.looked(blind, "", proved_s=30.0) == Sight(30.0)


def test_an_old_proof_does_not_count_for_less_than_a_start():
    assert sight.looked(WELL, "", proved_s=None) == WELL
    assert sight.looked(WELL, "", proved_s=7.0) == WELL


def test_the_longest_blindness_counts():
    sights = [Sight(10.0, "overflow"), Sight(5.0, "canary_late"), Sight(1.0)]

    assert sight.blind_seconds(sights, 20.0) == 15.0
    assert sight.blind_seconds([WELL], 20.0) == 0.0
    assert sight.blind_seconds([], 20.0) == 0.0


def test_a_clock_a_little_behind_gives_no_negative_blindness():
    assert Sight(10.0, "overflow").blind_s(9.9) == 0.0


def test_news_of_a_blindness_say_what_to_do():
    news = sight.news(WELL, Sight(10.0, "watch_limit"), 12.0, LIMITS)

    assert (news.event, news.level) == ("watch_blind", logging.ERROR)
    assert news.values["reason"] == "watch_limit"
    assert "sysctl -w fs.inotify.max_user_watches=524288 (it is 8192)" in news.values["hint"]


def test_what_mends_itself_is_a_warning():
    assert sight.news(WELL, Sight(10.0, "overflow"), 12.0, {}).level == logging.WARNING


def test_the_end_of_a_blindness_is_news_with_its_length():
    news = sight.news(Sight(10.0, "overflow"), Sight(31.5), 32.0, {})

    assert (news.event, news.level) == ("watch_restored", logging.INFO)
    assert news.values == {"reason": "overflow", "seconds": 22.0}


def test_another_reason_is_news():
    news = sight.news(Sight(10.0, "overflow"), Sight(10.0, "watch_limit"), 12.0, {})

    assert (news.event, news.values["reason"]) == ("watch_blind", "watch_limit")


def test_the_limit_that_is_lower_is_to_be_raised():
    limits = {**LIMITS, "user.max_inotify_watches": 1}

    assert "user.max_inotify_watches=524288 (it is 1)" in sight.remedy("watch_limit", limits)
    assert "4194304 (it is 1048576)" in sight.remedy(
        "watch_limit", {"fs.inotify.max_user_watches": 1 << 20}
    )
    assert "ulimit -n" in sight.remedy("instance_limit", {"fs.inotify.max_user_instances": 128})
    assert sight.remedy("watch_limit", {}) == sight.REMEDIES["watch_limit"]


def test_a_damaged_watch_rests_before_it_is_made_anew():
    assert sight.renewal_s("overflow", started_s=100.0, took_s=0.01) == 130.0
    assert sight.renewal_s("overflow", started_s=100.0, took_s=2.0) == 300.0
    assert sight.renewal_s("root_replaced", started_s=100.0, took_s=2.0) == 100.0


def test_a_polled_source_is_late_only_measured_by_its_own_pace():
    assert not sight.sweep_is_late(since_s=59.0, before_s=1.0)
    assert sight.sweep_is_late(since_s=61.0, before_s=1.0)
    assert not sight.sweep_is_late(since_s=299.0, before_s=100.0)
    assert sight.sweep_is_late(since_s=301.0, before_s=100.0)
