"""Signing in with a browser: the page, the cookie, and what it may and may not."""

from urllib.parse import urlencode

import pytest

from api.browsers import BROWSERS_MAX, LIFE_S, OF_ONE_MAX, Browsers, Holder
from core.acting import Principal
from tests.tools.askers import ask, bearer, csrf_of, sign_in

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
WHO = Principal("tess", "admin", "token")


def cookie_parts(reply):
    name_and_value, *rest = reply.headers["set-cookie"].split("; ")
    return name_and_value, {part.lower() for part in rest}


# The page.


def test_signing_in_needs_a_token_and_no_script(askers, port):
    page = ask(port, "GET", "/login", {"Accept": "text/html"})

    assert page.status == 200
    assert '<form method="post" action="/login">' in page.text
    assert "<script" not in page.text
    reply = sign_in(port, askers.texts["admin"])
    assert (reply.status, reply.headers["location"]) == (303, "/")
    cookie, _ = cookie_parts(reply)
    inside = ask(port, "GET", "/", {"Cookie": cookie})
    assert inside.status == 200
    assert "the admin (admin)" in inside.text


def test_a_person_without_a_cookie_is_led_to_the_page_and_a_program_is_told(askers, port):
    far = {"X-Forwarded-For": "203.0.113.9"}

    led = ask(port, "GET", "/", {"Accept": "text/html,*/*"} | far)
    told = ask(port, "GET", "/", far)

    assert (led.status, led.headers["location"]) == (303, "/login")
    assert (told.status, told.headers["www-authenticate"]) == (401, "Bearer")


@pytest.mark.parametrize("name", ["wrong token", "revoked", "expired"])
def test_a_wrong_token_gets_the_page_again_and_no_cookie(askers, port, name):
    reply = sign_in(port, askers.texts[name])

    assert reply.status == 401
    assert "set-cookie" not in reply.headers
    assert "Refused" in reply.text
    assert askers.texts[name] not in reply.text


def test_guessing_on_the_page_makes_the_address_wait(askers, port):
    address, body = "127.201.0.1", urlencode({"token": "guess"}).encode()
    tries = [ask(port, "POST", "/login", FORM, body, address).status for _ in range(11)]
    right = urlencode({"token": askers.texts["admin"]}).encode()

    assert tries == [401] * 10 + [429]
    assert ask(port, "POST", "/login", FORM, right, address).status == 429


@pytest.mark.parametrize(
    "body", [b"", b"token=a&token=b", b"token=a&x=1", b"\xff", b"token=" + b"x" * 2000]
)
def test_what_is_no_form_of_ours_is_refused(port, body):
    reply = ask(port, "POST", "/login", FORM, body)

    assert (reply.status, reply.code) == (400, "bad_body")


@pytest.mark.parametrize("path", ["/login", "/"])
def test_pages_load_nothing_stand_in_no_frame_and_send_forms_to_us_alone(askers, port, path):
    headers = ask(port, "GET", path, {"Cookie": askers.cookie}).headers
    policy = headers["content-security-policy"]

    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "script" not in policy
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"


def test_answers_for_programs_are_not_kept_or_guessed_at_either(askers, port):
    for path in ("/api/v1/status", "/nonsense", "/api/v1/openapi.json"):
        headers = ask(port, "GET", path, bearer(askers.texts["admin"])).headers
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"


# The cookie.


def test_on_this_machine_the_cookie_is_plain_and_strict(askers, port):
    cookie, rest = cookie_parts(sign_in(port, askers.texts["admin"]))

    assert cookie.startswith("sessionwatch=")
    assert rest >= {"httponly", "samesite=strict", "path=/", f"max-age={LIFE_S}"}
    assert "secure" not in rest


@pytest.mark.parametrize("headers", [{"X-Forwarded-Proto": "https"}, {"Host": "10.1.2.3"}])
def test_beyond_it_the_cookie_goes_over_https_alone(askers, port, headers):
    cookie, rest = cookie_parts(sign_in(port, askers.texts["admin"], **headers))

    assert cookie.startswith("__Host-sessionwatch=")
    assert rest >= {"secure", "httponly", "samesite=strict", "path=/"}
    assert not any(part.startswith("domain") for part in rest)
    assert ask(port, "GET", "/api/v1/status", {"Cookie": cookie} | headers).status == 200
    plain = cookie.removeprefix("__Host-")
    assert ask(port, "GET", "/api/v1/status", {"Cookie": plain} | headers).status == 401


def test_the_page_warns_where_the_token_could_be_read_on_its_way(port):
    assert "without encryption" in ask(port, "GET", "/login", {"Host": "10.1.2.3"}).text
    assert "without encryption" not in ask(port, "GET", "/login").text


def test_a_cookie_has_the_role_of_its_token(askers, port):
    cookie = askers.sign_in(askers.texts["analyst"])

    assert ask(port, "GET", "/api/v1/usage/daily", {"Cookie": cookie}).status == 200
    assert ask(port, "GET", "/api/v1/tokens", {"Cookie": cookie}).status == 403


def test_a_cookie_ends_with_its_token(askers, port, service):
    token, text = service.desk.tokens.create("short", "admin", by="tests")
    cookie = askers.sign_in(text)
    assert ask(port, "GET", "/api/v1/status", {"Cookie": cookie}).status == 200

    done = ask(port, "DELETE", f"/api/v1/tokens/{token.token_id}", bearer(askers.texts["admin"]))

    assert done.status == 200
    assert ask(port, "GET", "/api/v1/status", {"Cookie": cookie}).status == 401
    assert ask(port, "GET", "/api/v1/status", bearer(text)).status == 401


def test_signing_out_needs_the_form_and_ends_the_cookie(askers, port):
    cookie = {"Cookie": askers.sign_in(askers.texts["admin"])}
    csrf = csrf_of(ask(port, "GET", "/", cookie).text)

    wrong = ask(port, "POST", "/logout", cookie | FORM, urlencode({"csrf": "x"}).encode())
    assert (wrong.status, wrong.code) == (403, "csrf")
    assert ask(port, "GET", "/api/v1/status", cookie).status == 200

    right = ask(port, "POST", "/logout", cookie | FORM, urlencode({"csrf": csrf}).encode())
    assert (right.status, right.headers["location"]) == (303, "/login")
    assert "max-age=0" in right.headers["set-cookie"].lower()
    assert ask(port, "GET", "/api/v1/status", cookie).status == 401


def test_the_token_of_one_browser_is_of_no_use_to_another(askers, port):
    other = {"Cookie": askers.sign_in(askers.texts["admin"]), "X-CSRF-Token": askers.csrf}

    reply = ask(port, "POST", "/api/v1/sweep", other, b"{}")

    assert (reply.status, reply.code) == (403, "csrf")


def test_with_the_token_of_its_page_a_browser_changes_things(askers, port, service):
    headers = {"Cookie": askers.cookie, "X-CSRF-Token": askers.csrf}
    headers |= {"Origin": f"http://127.0.0.1:{port}", "Sec-Fetch-Site": "same-origin"}

    assert ask(port, "POST", "/api/v1/sweep", headers, b"{}").status == 200
    row = service.desk.audit.page(1, action="sweep")["audit"][0]
    assert (row["actor"], row["client_kind"]) == ("the browser", "browser")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_signs_nobody_in(askers, port, headers):
    reply = sign_in(port, askers.texts["admin"], **headers)

    assert (reply.status, reply.code) == (403, "cross_site")
    assert "set-cookie" not in reply.headers


def test_signing_in_and_out_is_audited_without_the_token(askers, port, service):
    askers.sign_in(askers.texts["analyst"])

    row = service.desk.audit.page(1, action="login")["audit"][0]
    assert (row["actor"], row["role"], row["client_kind"]) == ("the analyst", "analyst", "browser")
    kept = str(service.desk.book.rows("SELECT * FROM audit"))
    assert [name for name, text in askers.texts.items() if text in kept] == []
    assert askers.csrf not in kept


# What is held of it.


@pytest.fixture
def now():
    return [0.0]


@pytest.fixture
def held(now):
    return Browsers(lambda: now[0])


def holder(name):
    return Holder(name, lambda: WHO)


def test_a_cookie_lasts_so_long_and_no_longer(held, now):
    cookie = held.sign_in(holder("t"))

    now[0] = LIFE_S - 1
    assert held.principal(cookie) == WHO
    now[0] = LIFE_S
    assert held.principal(cookie) is None
    held.sign_in(holder("t"))
    assert len(held) == 1


def test_only_digests_of_cookies_are_held(held):
    cookie = held.sign_in(holder("t"))

    assert cookie not in repr(vars(held))
    assert len(cookie) >= 43


def test_one_token_signs_out_its_own_oldest_browser_and_nobody_elses(held):
    other = held.sign_in(holder("other"))
    first, *rest = [held.sign_in(holder("t")) for _ in range(OF_ONE_MAX + 1)]

    assert held.principal(first) is None
    assert [cookie for cookie in rest if held.principal(cookie) is None] == []
    assert held.principal(other) == WHO


def test_the_number_of_browsers_is_bounded(held):
    for number in range(BROWSERS_MAX + 5):
        held.sign_in(holder(f"t{number}"))

    assert len(held) == BROWSERS_MAX


def test_a_cookie_of_nobody_is_nobody(held):
    assert held.principal("") is None
    assert held.principal("\udcff") is None
