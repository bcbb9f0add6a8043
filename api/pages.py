"""Pages for people: templates, and what a browser is told to do and not to do with them.

The rule: a page loads nothing from elsewhere, sends forms to us alone and stands in no frame.
"""

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from api.endpoints import Ask

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Frame-Options": "DENY",
    # Not `no-referrer`: with that a browser no longer says where a form of ours comes from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
)


def page(ask: Ask, template: str, /, code: int = 200, **values: Any) -> HTMLResponse:
    """A template with these values, and with `who` asks and `csrf` for its forms."""
    text = _TEMPLATES.get_template(template).render(who=ask.who, csrf=ask.csrf, **values)
    return HTMLResponse(text, code, headers=HEADERS)
