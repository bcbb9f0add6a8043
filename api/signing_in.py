"""Endpoints by which a browser signs in with a token, and out again.

The rule: the token is in the body of one request and nowhere else; after that the browser has a
cookie that no script can read (`api.browsers`).
"""

from typing import Annotated

from msgspec import Meta
from starlette.responses import RedirectResponse, Response

from api.browsers import cookie_of, is_exposed, set_cookie
from api.endpoints import Ask, Endpoint, Fields
from api.gate import TooMany, Unauthorized
from api.pages import page
from api.parts import Parts
from core.acting import ROLES

FORM_BYTES_MAX = 64 << 10


class LoginForm(Fields):
    token: Annotated[str, Meta(max_length=1000)]
    csrf: str = ""


class LogoutForm(Fields):
    csrf: str = ""


def endpoints(parts: Parts) -> list[Endpoint]:
    """Sign in and out, both without a script."""
    here = _SigningIn(parts)
    return [
        Endpoint("GET", "/login", here.form, "Sign in.", None, media="text/html"),
        Endpoint(
            "POST", "/login", here.sign_in, "A cookie for a token.", None, body=LoginForm,
            form=True, status=303, media="text/html", errors=(401, 403, 429),
            body_bytes_max=FORM_BYTES_MAX,
        ),
        Endpoint(
            "POST", "/logout", here.sign_out, "End what the cookie stands for.",
            frozenset(ROLES), body=LogoutForm, form=True, status=303, media="text/html",
            body_bytes_max=FORM_BYTES_MAX,
        ),
    ]  # fmt: skip


class _SigningIn:
    def __init__(self, parts: Parts) -> None:
        self._gate = parts.gate
        self._desk = parts.desk

    def form(self, ask: Ask) -> Response:
        return self._form(ask, 200)

    def sign_in(self, ask: Ask) -> Response:
        """A wrong token leaves no row in the audit: else anybody could fill it."""
        try:
            cookie, who = self._gate.sign_in(ask.request, ask.body.token.strip())
        except (Unauthorized, TooMany) as error:
            fault = (
                f"{error.args[0]}: {error.hint}" if isinstance(error, TooMany) else error.args[0]
            )
            return self._form(ask, 429 if isinstance(error, TooMany) else 401, fault)
        with self._desk.audit.acting(who, "login"):
            self._gate.browsers.sign_out(cookie_of(ask.request))
        return _to("/", ask, cookie)

    def sign_out(self, ask: Ask) -> Response:
        with self._desk.audit.acting(ask.who, "logout"):
            self._gate.browsers.sign_out(cookie_of(ask.request))
        return _to("/login", ask, "")

    def _form(self, ask: Ask, status: int, fault: str = "") -> Response:
        return page(ask, "login.html", status, fault=fault, exposed=is_exposed(ask.request))


def _to(path: str, ask: Ask, cookie: str) -> Response:
    found = RedirectResponse(path, 303)
    set_cookie(ask.request, found, cookie)
    return found
