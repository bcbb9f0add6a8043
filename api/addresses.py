"""What an address says of who is behind it.

The rule: only the peer of the connection counts. A header that names somebody else is never
believed; that there is one says that the peer asks for others.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address

from starlette.requests import Request

_OF_PROXIES = frozenset({"forwarded", "via", "x-real-ip"})


def is_loopback(host: str) -> bool:
    """Can this address only be reached from this machine?"""
    try:
        return host == "localhost" or _address(host).is_loopback
    except ValueError:
        return False


def is_near(request: Request) -> bool:
    """Does this machine ask for itself? A proxy on it asks for others, and says so."""
    host = request.client.host if request.client else ""
    forwarded = (name in _OF_PROXIES or name.startswith("x-forwarded") for name in request.headers)
    return is_loopback(host) and not any(forwarded)


def neighbourhood(address: str) -> str:
    """What one asker has at hand: an IPv4 address, or a /64 of IPv6."""
    try:
        found = _address(address)
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    return str(IPv6Network((int(found), 64), strict=False))


def _address(text: str) -> IPv4Address | IPv6Address:
    """A socket of both kinds tells IPv4 peers as addresses of IPv6."""
    found = ip_address(text.partition("%")[0])
    return getattr(found, "ipv4_mapped", None) or found
