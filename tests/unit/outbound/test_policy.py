"""Who may be called under each policy."""

from ipaddress import ip_address

import pytest

from chalicelib.outbound.policy import Hosts, Policy, Public, origin_of
from chalicelib.outbound.request import Forbidden

REGISTER = ("api.example.com", "*.replicate.example", "odd.example.com:8443")
COMFY = "http://192.168.1.7:8188"


def may(policy: Policy, url: str) -> bool:
    try:
        policy.target(url)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://example.com/hook", True),
        ("https://8.8.8.8/", True),
        ("https://[2606:4700::1111]/", True),
        ("http://example.com/", False),
        ("https://example.com:8443/", False),
        ("https://example.com:22/", False),
        ("https://localhost/", False),
        ("https://localhost./", False),
        ("https://intranet/", False),
        ("https://127.0.0.1/", False),
        ("https://[::1]/", False),
        ("https://[::ffff:127.0.0.1]/", False),
        ("https://169.254.169.254/latest/", False),
    ],
)
def test_public_is_any_public_host_by_https(url: str, allowed: bool) -> None:
    assert may(Public(), url) is allowed


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("http://127.0.0.1:9000/hook", True),
        ("http://localhost:9000/", True),
        ("https://localhost/", True),
        ("http://[::1]:9000/", True),
        ("http://127.0.0.2:9000/", False),
        ("http://example.com/", False),
        ("https://example.com:9000/", False),
        ("http://10.0.0.1/", False),
        ("http://localhost.example.com/", False),
    ],
)
def test_loopback_is_let_in_by_its_own_names_only(url: str, allowed: bool) -> None:
    assert may(Public(loopback=True), url) is allowed


def test_a_public_name_never_leads_to_this_machine_even_where_loopback_is_allowed() -> None:
    for policy in (Public(), Public(loopback=True)):
        target = policy.target("https://example.com/")
        assert not policy.admits(target, ip_address("127.0.0.1"))
        assert policy.admits(target, ip_address("8.8.8.8"))


def test_the_name_of_this_machine_never_leads_elsewhere() -> None:
    policy = Public(loopback=True)
    target = policy.target("http://localhost:9000/")
    assert policy.admits(target, ip_address("::1"))
    assert not policy.admits(target, ip_address("8.8.8.8"))
    assert not policy.admits(target, ip_address("10.0.0.1"))


def test_other_ports_can_be_configured() -> None:
    assert may(Public(ports=frozenset({443, 8443})), "https://example.com:8443/")


@pytest.mark.parametrize(
    ("url", "allowed"),
    [
        ("https://api.example.com/v1", True),
        ("https://API.example.com./v1", True),
        ("https://a.replicate.example/", True),
        ("https://a.b.replicate.example/", True),
        ("https://replicate.example/", False),
        ("https://evilreplicate.example/", False),
        ("https://api.example.com.evil.example/", False),
        ("https://evil.example/api.example.com", False),
        ("https://api.example.com:8443/", False),
        ("https://odd.example.com:8443/", True),
        ("https://odd.example.com/", False),
        ("http://api.example.com/", False),
        (f"{COMFY}/prompt", True),
        ("https://192.168.1.7:8188/", False),
        ("http://192.168.1.7/", False),
        ("http://192.168.1.8:8188/", False),
    ],
)
def test_hosts_are_those_of_the_register_and_the_operators_own_base_urls(url: str, allowed: bool) -> None:
    assert may(Hosts(REGISTER, frozenset({COMFY})), url) is allowed


def test_a_host_of_the_register_may_not_be_private_but_an_operators_own_may() -> None:
    policy = Hosts(REGISTER, frozenset({COMFY, "http://comfy:8188"}))
    theirs, ours = policy.target("https://api.example.com/"), policy.target("http://comfy:8188/prompt")
    assert not policy.admits(theirs, ip_address("192.168.1.7"))
    assert policy.admits(theirs, ip_address("8.8.8.8"))
    assert policy.admits(ours, ip_address("192.168.1.7"))
    assert not policy.admits(ours, ip_address("169.254.169.254"))


@pytest.mark.parametrize(
    "entry", ["https://api.example.com", "*", "*.*.example", "com", "API.example.com", "a.b/c", ""]
)
def test_a_register_holds_host_names(entry: str) -> None:
    with pytest.raises(ValueError, match="register"):
        Hosts((entry,))


def test_an_origin_has_no_path() -> None:
    assert origin_of(f"{COMFY}/some/path?x=1") == COMFY
    assert origin_of("https://api.example.com:443/v1") == "https://api.example.com"
