"""Which URLs and which addresses may be called from here: pure.

A name is only as good as what it resolves to, so a URL is checked for its shape here, and every address that its host
resolves to is checked before one of them is called. Addresses are refused by table: `is_global` of the standard library
lets multicast, 192.0.0.0/24 and the ranges that translate or tunnel to IPv4 pass.
"""

import re
import unicodedata
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import urlsplit

from chalicelib.outbound.request import Forbidden

Address = IPv4Address | IPv6Address

MAX_URL = 2048
MAX_HOST = 253
PORTS = {"https": 443, "http": 80}
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})

#: IANA's registry of special purposes (https://www.iana.org/assignments/iana-ipv4-special-registry), multicast, and
#: what clouds keep for themselves.
REFUSED_V4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by carriers; some clouds have their metadata here
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # services of an Azure host
        "169.254.0.0/16",  # link-local, metadata of most clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments, metadata of Oracle's cloud
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # relays of 6to4
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
#: Nothing outside this is global unicast (RFC 4291, section 2.4): no loopback, no NAT64, no unique local address.
GLOBAL_V6 = IPv6Network("2000::/3")
REFUSED_V6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4, which leads to any IPv4 address
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
#: What an operator's own machines have: private, shared and unique local addresses, loopback.
LOCAL = tuple(
    [IPv4Network(text) for text in ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")]
    + [IPv6Network(text) for text in ("::1/128", "fc00::/7")]
)
#: Shared addresses under which clouds have their metadata: no machine of an operator's is there.
METADATA = frozenset({IPv4Address("100.100.100.200"), IPv6Address("fd00:ec2::254"), IPv6Address("fd20:ce::254")})

_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_PORT = re.compile(r"[0-9]{1,5}")
_PATH = re.compile(r"[!-~]*")


@dataclass(frozen=True, slots=True)
class Target:
    """Where a URL leads. `host` is in lower-case ASCII, `path` begins with `/` and includes the query."""

    scheme: str
    host: str
    port: int
    path: str

    @property
    def literal(self) -> Address | None:
        """The address, if the host is one and no name."""
        try:
            return ip_address(self.host)
        except ValueError:
            return None

    @property
    def authority(self) -> str:
        """The value of the Host header (RFC 9110, section 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port, the port only where it is not the scheme's own (RFC 6454, section 6.2)."""
        return f"{self.scheme}://{self.authority}"


def parse_target(url: str, *, http: bool = False) -> Target:
    """Reads a URL to be called. Raises Forbidden, which never holds any of the URL.

    https only, unless `http` allows the other one too. No user information, no fragment; hosts are names or canonical
    addresses, whatever else a resolver might take for one. Which hosts and ports is for a policy to say.
    """
    if not url or len(url) > MAX_URL:
        raise Forbidden(f"a URL has 1 to {MAX_URL} characters")
    if any(char <= " " or char in "\\\x7f" or unicodedata.category(char) in ("Cc", "Cf", "Zs") for char in url):
        raise Forbidden("a URL holds no space, backslash or control character")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise Forbidden("that is not a URL") from None
    if parts.scheme not in (("https", "http") if http else ("https",)):
        raise Forbidden("the URL must begin with https://")
    if "@" in parts.netloc:
        raise Forbidden("a URL to call holds no user name or password")
    if "#" in url:
        raise Forbidden("a URL to call has no fragment")
    host, port = _authority(parts.netloc, PORTS[parts.scheme])
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    if not _PATH.fullmatch(path):
        raise Forbidden("path and query of a URL must be percent-encoded")
    return Target(parts.scheme, host, port, path)


def _authority(netloc: str, default_port: int) -> tuple[str, int]:
    if netloc.startswith("["):
        inside, closed, rest = netloc[1:].partition("]")
        if not closed or (rest and not rest.startswith(":")):
            raise Forbidden("the host is not a name or an address")
        return _v6(inside), _port(rest[1:] if rest else "", default_port)
    name, _, port = netloc.partition(":")
    return _host(name), _port(port, default_port)


def _port(text: str, default: int) -> int:
    if not text:
        return default
    if not _PORT.fullmatch(text) or not 0 < int(text) < 65536:
        raise Forbidden("the port is not a number from 1 to 65535")
    return int(text)


def _v6(text: str) -> str:
    try:
        if "%" in text:
            raise ValueError
        return str(IPv6Address(text))
    except ValueError:
        raise Forbidden("the host is not a name or an address") from None


def _host(name: str) -> str:
    """The name in the form that is looked up (NFKC, RFC 3490), or a canonical IPv4 address."""
    if len(name) > MAX_HOST:
        raise Forbidden(f"a host has at most {MAX_HOST} characters")
    plain = unicodedata.normalize("NFKC", name).lower()
    try:
        ascii_name = plain.encode("idna").decode("ascii").removesuffix(".")
    except UnicodeError:
        raise Forbidden("the host is not a name or an address") from None
    labels = ascii_name.split(".")
    if len(ascii_name) > MAX_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise Forbidden("the host is not a name or an address")
    if not _NUMBER.fullmatch(labels[-1]):
        return ascii_name
    # A name whose last part is a number is an address (https://url.spec.whatwg.org/#ends-in-a-number-checker): only
    # four plain decimal parts in ASCII are, all other spellings are read differently by different readers.
    try:
        canonical = str(IPv4Address(ascii_name))
    except ValueError:
        canonical = ""
    if canonical != name:
        raise Forbidden("an address is written as four plain decimal numbers")
    return canonical


def is_public(address: Address) -> bool:
    """Whether the address belongs to somebody on the public internet."""
    if isinstance(address, IPv4Address):
        return not any(address in network for network in REFUSED_V4)
    if address.ipv4_mapped is not None:
        return is_public(address.ipv4_mapped)
    return address in GLOBAL_V6 and not any(address in network for network in REFUSED_V6)


def is_loopback(address: Address) -> bool:
    """Whether the address is this machine's own."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def is_local(address: Address) -> bool:
    """Whether an operator's own machine may have the address. Link-local and metadata addresses are never one."""
    plain = address.ipv4_mapped if isinstance(address, IPv6Address) and address.ipv4_mapped is not None else address
    return plain not in METADATA and any(plain in network for network in LOCAL)
