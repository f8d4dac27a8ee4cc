"""Which addresses and which spellings of hosts are refused, one by one."""

from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.outbound.addresses import is_local, is_loopback, is_public, parse_target
from chalicelib.outbound.request import Forbidden

REFUSED = [
    "127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "169.254.169.254",
    "169.254.170.2", "100.64.0.1", "100.100.100.200", "192.0.0.192", "192.0.2.1", "198.18.0.1", "198.19.255.255",
    "198.51.100.7", "203.0.113.9", "192.88.99.1", "0.1.2.3", "224.0.0.1", "239.255.255.255", "240.0.0.1",
    "255.255.255.255", "168.63.129.16",
    "::", "::1", "fd00:ec2::254", "fc00::1", "fe80::1", "fec0::1", "ff02::1", "ff0e::1", "100::1", "::7f00:1",
    "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1", "::ffff:0:808:808",
    "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::", "2001:0:7f00:1::",
    "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "3fff::1", "5f00::1", "4000::1",
]  # fmt: skip
REFUSED.append(str(IPv4Address(0)))
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]


@pytest.mark.parametrize("text", REFUSED)
def test_an_address_that_is_not_on_the_public_internet_is_refused(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_a_public_address_is_allowed(text: str) -> None:
    assert is_public(ip_address(text))


@given(st.integers(0, 2**32 - 1).map(IPv4Address))
def test_nothing_that_the_standard_library_calls_private_is_allowed_mapped_or_not(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    assert is_public(mapped) == is_public(address)
    if is_public(address):
        assert address.is_global
        assert not address.is_multicast


@given(st.integers(0, 2**128 - 1).map(IPv6Address))
def test_no_ipv6_address_is_allowed_that_the_standard_library_refuses(address: IPv6Address) -> None:
    if is_public(address):
        assert address.is_global


@pytest.mark.parametrize(
    ("text", "local"),
    [
        ("192.168.1.7", True),
        ("10.1.2.3", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:192.168.1.7", True),
        ("fd12::1", True),
        ("100.70.1.1", True),
        ("169.254.169.254", False),
        ("100.100.100.200", False),
        ("fd00:ec2::254", False),
        ("fe80::1", False),
        ("224.0.0.1", False),
        ("8.8.8.8", False),
    ],
)
def test_an_operators_own_machine_is_never_a_metadata_service(text: str, local: bool) -> None:
    assert is_local(ip_address(text)) is local


@pytest.mark.parametrize(
    ("text", "own"), [("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("::2", False)]
)
def test_loopback_is_told_in_every_form(text: str, own: bool) -> None:
    assert is_loopback(ip_address(text)) is own


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://example.com", "example.com", 443, "/"),
        ("https://EXAMPLE.com./hook?a=1", "example.com", 443, "/hook?a=1"),
        ("HTTPS://example.com:8443/x", "example.com", 8443, "/x"),
        ("https://bücher.example/", "xn--bcher-kva.example", 443, "/"),
        ("https://\uff45xampl\uff45\uff0ecom/", "example.com", 443, "/"),
        ("https://8.8.8.8/", "8.8.8.8", 443, "/"),
        ("https://[2606:4700::1111]:444/", "2606:4700::1111", 444, "/"),
        ("https://[2606:4700:0:0:0:0:0:1111]", "2606:4700::1111", 443, "/"),
        ("https://example.com?x", "example.com", 443, "/?x"),
        ("https://0x7f.example.com/", "0x7f.example.com", 443, "/"),
    ],
)
def test_a_url_is_read_into_what_is_looked_up_and_sent(url: str, host: str, port: int, path: str) -> None:
    target = parse_target(url)
    assert (target.host, target.port, target.path) == (host, port, path)


SPELLINGS = [
    "0x7f.1", "2130706433", "127.1", "017700000001", "0177.0.0.1", "0x7f000001", "0x7f.0.0.1", "127.0.1", "1.2.3.4.5",
    "①②⑦.⓪.⓪.①", "①.①.①.①", "8。8。8。8", "\uff18.8.8.8", "08.8.8.8", "8.8.8.8.", "256.1.1.1", "example.0x10", "1",
    "0x",
]  # fmt: skip


@pytest.mark.parametrize("host", SPELLINGS)
def test_an_address_in_any_other_spelling_is_refused(host: str) -> None:
    with pytest.raises(Forbidden):
        parse_target(f"https://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "", "https://", "https:///x", "http://example.com/", "ftp://example.com/", "file:///etc/passwd",
        "gopher://example.com", "//example.com/", "example.com", "https://user@example.com/",
        "https://user:pass@example.com/", "https://@example.com/", "https://example.com@127.0.0.1/",
        "https://example.com#x", "https://example.com/#", "https://example.com:0/", "https://example.com:65536/",
        "https://example.com:+443/", "https://example.com:4 43/", "https://example.com:443:443/",
        "https://exa mple.com/", "https://exa\tmple.com/", "https://example.com\r\nHost: evil/", "https://example.com\\@a/",
        "https://example.com/\x00", "https://a\u200bb.com/", "https://example.com/\u00e9", "https://℀.com/",
        "https://a..b/", "https://.a/", "https://-a.com/", "https://a-.com/", "https://*.example.com/", "https://a%2eb.com/",
        "https://[::1/", "https://[::1]x/", "https://[fe80::1%25eth0]/", "https://[::g]/", "https://::1/",
        "https://[127.0.0.1]/", "https://" + "a" * 64 + ".com/", "https://" + "a." * 130 + "com/",
        "https://example.com/" + "a" * 2048,
    ],
)  # fmt: skip
def test_what_could_be_read_in_two_ways_is_refused(url: str) -> None:
    with pytest.raises(Forbidden) as refused:
        parse_target(url)
    assert "example" not in str(refused.value)
    assert "pass" not in str(refused.value).replace("password", "")


def test_http_is_read_only_where_it_may_be() -> None:
    assert parse_target("http://example.com:8188/", http=True).origin == "http://example.com:8188"
    with pytest.raises(Forbidden):
        parse_target("http://example.com:8188/")


@pytest.mark.parametrize(
    ("url", "authority", "origin"),
    [
        ("https://example.com/", "example.com", "https://example.com"),
        ("https://example.com:443/", "example.com", "https://example.com"),
        ("https://example.com:80/", "example.com:80", "https://example.com:80"),
        ("https://[::1]:8443/", "[::1]:8443", "https://[::1]:8443"),
    ],
)
def test_the_host_header_names_the_port_where_it_is_not_the_usual_one(url: str, authority: str, origin: str) -> None:
    target = parse_target(url)
    assert (target.authority, target.origin) == (authority, origin)


@given(st.text(max_size=40))
def test_any_text_is_read_or_forbidden(text: str) -> None:
    for url in (text, f"https://{text}", f"https://{text}/", f"https://a.com/{text}"):
        try:
            target = parse_target(url)
        except Forbidden:
            continue
        assert target.host.isascii()
        assert "@" not in target.authority
        assert target.path.startswith("/")
