"""What an analyst sees, over the demo sessions of three users: nothing of the other two."""

import json
from urllib.parse import quote

import pytest

from api import views
from api.gate import Forbidden
from core.acting import Principal
from state.usage.reports import REPORTS
from tests.security.conftest import DEMO
from tests.tools.askers import PERSON, ask, bearer

AMARA = Principal("a", "analyst", "token", PERSON)
PATHS = [path.relative_to(DEMO).as_posix() for path in sorted(DEMO.rglob("*")) if path.is_file()]
OWN = [path for path in PATHS if path.startswith(f"{PERSON}/") and path.endswith(".jsonl")]
OTHERS = [path for path in PATHS if not path.startswith(f"{PERSON}/")]
# What names another user, their projects, files or sessions.
TELLING = sorted({part.removesuffix(".jsonl") for path in OTHERS for part in path.split("/")})


@pytest.fixture
def analyst(askers):
    return bearer(askers.texts["analyst"])


@pytest.fixture
def admin(askers):
    return bearer(askers.texts["admin"])


def told(text):
    return [word for word in TELLING if json.dumps(word)[1:-1] in text]


def test_the_demo_has_others_to_tell_of(port, admin):
    assert len(TELLING) >= 8
    assert "jonas" in told(ask(port, "GET", "/api/v1/usage/user", admin).text)


@pytest.mark.parametrize("query", ["", f"user={PERSON}", "since=2000-01-01", "explain=total"])
@pytest.mark.parametrize("report", REPORTS)
def test_no_report_names_anything_of_others(port, analyst, report, query):
    reply = ask(port, "GET", f"/api/v1/usage/{report}?{query}", analyst)

    assert reply.status in (200, 404)
    assert told(reply.text) == []


@pytest.mark.parametrize("path", ["/", "/api/v1/status", "/api/v1/processors",
                                  "/api/v1/quarantine?limit=1000"])  # fmt: skip
def test_neither_does_anything_else(port, analyst, path):
    reply = ask(port, "GET", path, analyst)

    assert reply.status == 200
    assert told(reply.text) == []


@pytest.mark.parametrize("report", sorted(views.OF_THE_TEAM - {"version"}))
def test_reports_of_the_team_are_of_the_team(port, analyst, admin, report):
    path = f"/api/v1/usage/{report}"

    assert ask(port, "GET", path, analyst).json == ask(port, "GET", path, admin).json


@pytest.mark.parametrize("report", sorted(views.OF_ONE_PERSON - {"blocks"}))
def test_the_others_are_those_of_the_person(port, analyst, admin, report):
    path = f"/api/v1/usage/{report}"

    mine = ask(port, "GET", path, analyst).json

    assert mine == ask(port, "GET", f"{path}?user={PERSON}", admin).json
    assert mine != {}
    assert report in ("quota", "command", "pr") or mine["totals"]["messages"] > 0


@pytest.mark.parametrize(
    "query", ["user=jonas", "user=", "user=nobody", "explain=total&user=mei", "as=ccusage-codex",
              "as=ccusage-daily&user=jonas"]
)  # fmt: skip
def test_asking_for_others_is_refused_whether_they_are_there_or_not(port, analyst, query):
    reply = ask(port, "GET", f"/api/v1/usage/daily?{query}", analyst)

    assert (reply.status, reply.code) == (403, "forbidden")
    assert told(reply.text) == []


@pytest.mark.parametrize("report", ["daily", "session", "user", "blocks", "model", "monthly"])
def test_what_ccusage_would_print_is_of_the_person_too(port, analyst, admin, report):
    path = f"/api/v1/usage/{report}?as=ccusage-session"

    mine = ask(port, "GET", path, analyst)

    assert mine.status == 200
    assert told(mine.text) == []
    if report != "blocks":
        assert mine.json == ask(port, "GET", f"{path}&user={PERSON}", admin).json
        assert mine.json != ask(port, "GET", path, admin).json


def test_days_by_project_are_of_the_person(port, analyst):
    reply = ask(port, "GET", "/api/v1/usage/daily?as=ccusage-daily&instances=true", analyst)

    assert set(reply.json["projects"]) == {PERSON}


def test_what_is_explained_is_of_the_person(port, analyst, admin):
    path = "/api/v1/usage/daily?explain=total"

    mine = ask(port, "GET", path, analyst).json

    assert mine["totals"] == ask(port, "GET", f"{path}&user={PERSON}", admin).json["totals"]
    assert {one["user"] for one in mine["messages"]} == {PERSON}
    assert mine["totals"] != ask(port, "GET", path, admin).json["totals"]


@pytest.mark.parametrize("query", ["explain=", "as=", "instances="])
def test_an_empty_parameter_opens_nothing(port, analyst, query):
    reply = ask(port, "GET", f"/api/v1/usage/session?{query}", analyst)

    assert told(reply.text) == []
    assert views.usage_asked(AMARA, "daily", {query[:-1]: ""}) == {query[:-1]: "", "user": PERSON}


def test_a_report_that_nobody_placed_is_limited():
    assert views.usage_asked(AMARA, "new", {}) == {"user": PERSON}
    assert views.usage_asked(Principal("a", "admin", "token"), "new", {}) == {}
    with pytest.raises(Forbidden):
        views.usage_asked(AMARA, "new", {"user": "mei"})


# Files.


def test_a_file_of_the_person_is_there_and_one_of_others_is_not(port, analyst, admin):
    absent = ask(port, "GET", "/api/v1/ledger/mei/no/such.jsonl", analyst)

    assert absent.status == 404
    for path in OWN:
        assert ask(port, "GET", f"/api/v1/ledger/{quote(path)}", analyst).status == 200
    for path in OTHERS:
        if path.endswith(".jsonl"):
            assert ask(port, "GET", f"/api/v1/ledger/{quote(path)}", admin).status == 200
        reply = ask(port, "GET", f"/api/v1/ledger/{quote(path)}", analyst)
        as_absent = absent.text.replace("mei/no/such.jsonl", path)
        assert (reply.status, reply.text) == (404, as_absent)


def test_places_in_files_of_others_are_left_out():
    mine, other = {"source": "s", "path": "a"}, {"source": "s", "path": "b"}
    message = {"id": "m", "counted": other, "first": mine, "otherCopies": [mine, other]}
    report = {"messages": [message], "unknown": [{"name": "x", "sample": other}]}

    shown = views.own_places(report, {("s", "a")})

    assert shown["messages"] == [{"id": "m", "counted": None, "first": mine, "otherCopies": [mine]}]
    assert shown["unknown"] == [{"name": "x", "sample": None}]


def test_reasons_are_not_told_because_they_name_folders():
    status = {
        "files": 1, "processors": {}, "queues": {}, "url": "u", "ready": ["mei/p: no access"],
        "unavailable": {"mood": "no module mei"}, "more": "later",
    }  # fmt: skip

    shown = views.status_shown(AMARA, status)

    assert "mei" not in str(shown)
    assert shown["unavailable"] == {"mood": "see the log"}
    assert shown["ready"] == ["it is not ready"]
    assert "more" not in shown, "what is new is not shown until somebody says so"
    assert views.status_shown(Principal("a", "admin", "token"), status) == status


def test_the_page_offers_only_what_may_be_asked(port, analyst, admin):
    page = ask(port, "GET", "/", analyst).text

    assert "/api/v1/status" in page
    assert "/metrics" not in page
    assert "/metrics" in ask(port, "GET", "/", admin).text
