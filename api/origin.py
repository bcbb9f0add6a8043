"""Which site's page made a browser send a request.

The rule: a browser says where a request comes from and a page cannot change what it says. What
reads may come from anywhere, because the page that made it cannot see the answer.
"""

from urllib.parse import urlsplit

from starlette.requests import Request

_READING = ("GET", "HEAD", "OPTIONS")


def changes(request: Request) -> bool:
    """May this change something?"""
    return request.method not in _READING


def is_foreign(request: Request) -> bool:
    """Would this change something, and does the page of another site ask for it?"""
    if not changes(request):
        return False
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    if site not in (None, "same-origin", "none"):
        return True
    return (
        origin is not None
        and urlsplit(origin).netloc.lower() != request.headers.get("host", "").lower()
    )
