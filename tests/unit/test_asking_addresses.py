"""Who is near, what is one neighbourhood, and how often it was wrong."""

import pytest
from starlette.requests import Request

from api.addresses import is_loopback, is_near, neighbourhood
from api.failures import ADDRESSES_MAX, FAILURES_MAX, WITHIN_S, Failures


def request(host, **headers):
    return Request(
        {
            "type": "http", "client": (host, 1) if host else None,
            "headers": [(name.replace("_", "-").encode(), b"x") for name in headers],
        }
    )  # fmt: skip


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1", "localhost"])
def test_this_machine_is_near(host):
    assert is_loopback(host)
    assert is_near(request(host))


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "172.17.0.1", "::", "0.0.0.0", "fe80::1", "::ffff:10.1.1.1", "", "x"]
)
def test_nobody_else_is(host):
    assert not is_loopback(host)
    assert not is_near(request(host))


@pytest.mark.parametrize("name", ["x_forwarded_for", "forwarded", "via", "x_forwarded_proto"])
def test_who_asks_for_others_is_not_near(name):
    assert not is_near(request("127.0.0.1", **{name: ""}))


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("10.1.2.3", "10.1.2.3"),
        ("::ffff:10.1.2.3", "10.1.2.3"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("x", "x"),
    ],
)
def test_one_asker_has_a_whole_network_of_ipv6(address, found):
    assert neighbourhood(address) == found


@pytest.fixture
def now():
    return [100.0]


@pytest.fixture
def failures(now):
    return Failures(lambda: now[0])


def test_after_so_many_failures_an_address_waits_until_the_first_is_old(failures, now):
    for _ in range(FAILURES_MAX):
        assert failures.wait_s("10.0.0.1") == 0
        failures.add("10.0.0.1")

    assert failures.wait_s("10.0.0.1") == WITHIN_S
    assert failures.wait_s("10.0.0.2") == 0
    now[0] += WITHIN_S
    assert failures.wait_s("10.0.0.1") == 0


def test_another_address_of_the_same_network_waits_too(failures):
    for number in range(FAILURES_MAX):
        failures.add(f"2001:db8::{number}")

    assert failures.wait_s("2001:db8::ffff:1") > 0
    assert failures.wait_s("2001:db8:0:1::1") == 0


def test_a_flood_of_addresses_is_forgotten_oldest_first(failures):
    for number in range(ADDRESSES_MAX + 10):
        failures.add(f"10.{number // 65536}.{number // 256 % 256}.{number % 256}")

    assert len(failures._times) == ADDRESSES_MAX
