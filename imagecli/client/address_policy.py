"""Which addresses a result URL may lead to; classifies them: public, loopback, private, never to be fetched from.

Pure. A result URL may lead to public addresses, and to others only if the server itself is at such a place. The place
is the address that the request for the images was sent to: a second DNS lookup could give another one. A server on this
machine may link to itself, which is the same host and port, and one in a private network to private networks. No server
may link to cloud credentials, multicast or reserved addresses.

Ranges: IANA special-purpose address registries for IPv4 and IPv6, read 2026-11-23; the addresses at which clouds
hand out credentials: documentation of AWS, Azure, Alibaba and Oracle, read 2026-11-23.
"""

from __future__ import annotations

import ipaddress
import socket
from functools import lru_cache
from typing import Final, Literal, NamedTuple, TypeAlias
from urllib.parse import SplitResult, urlsplit

AddressKind: TypeAlias = Literal["public", "loopback", "private", "link-local", "shared", "benchmark", "never"]
Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

NAMES: Final[dict[AddressKind, str]] = {
    "loopback": "this machine",
    "private": "a private network",
    "link-local": "a link-local address",
    "shared": "a carrier-grade NAT or overlay network",
    "benchmark": "a test network",
    "never": "a reserved address",
}
"""Kind → its name in error messages."""

_RANGES: Final[tuple[tuple[str, AddressKind], ...]] = (
    # The credentials of a cloud machine: never, whatever the base URL is.
    ("169.254.169.254/32", "never"),
    ("169.254.170.2/32", "never"),
    ("169.254.170.23/32", "never"),
    ("100.100.100.200/32", "never"),
    ("168.63.129.16/32", "never"),
    ("fd00:ec2::254/128", "never"),
    ("fd00:ec2::23/128", "never"),
    # Connecting to the unspecified address reaches this machine on Linux and macOS.
    ("0.0.0.0/32", "loopback"),
    ("0.0.0.0/8", "never"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "shared"),
    ("127.0.0.0/8", "loopback"),
    ("169.254.0.0/16", "link-local"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "never"),
    ("192.0.2.0/24", "never"),
    ("192.88.99.0/24", "never"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmark"),
    ("198.51.100.0/24", "never"),
    ("203.0.113.0/24", "never"),
    ("224.0.0.0/4", "never"),
    ("240.0.0.0/4", "never"),
    ("::/128", "loopback"),
    ("::1/128", "loopback"),
    ("fc00::/7", "private"),
    ("fe80::/10", "link-local"),
    ("2001::/23", "never"),
    ("2001:db8::/32", "never"),
    ("3fff::/20", "never"),
    ("2000::/3", "public"),
    ("::/0", "never"),
)
"""The first range that holds an address decides; IPv4 that is in none is public."""

_EMBEDDED: Final[tuple[tuple[str, int], ...]] = (
    ("::ffff:0:0/96", 96),
    ("::ffff:0:0:0/96", 96),
    ("64:ff9b::/96", 96),
    ("2002::/16", 16),
)
"""IPv6 ranges that are another way to write an IPv4 address, and the bit where that begins."""


_SELF: Final = frozenset({"127.0.0.1", "::1", "0.0.0.0", "::"})
"""Addresses that reach the same servers as `localhost` does; 127.0.0.2 and others may have servers of their own."""


class Endpoint(NamedTuple):
    """A server's address and port."""

    kind: AddressKind
    host: str
    """The address in one spelling; `localhost` for every address in `_SELF`."""
    port: int


def endpoint_of(address: Address, port: int) -> Endpoint:
    """The endpoint at *port* of *address*."""
    plain = _unwrap_ipv4(address)
    text = str(plain)
    return Endpoint(_kind_of(plain), "localhost" if text in _SELF else text, port)


def is_same_origin(url: str, other: str) -> bool:
    """Whether two URLs have the same scheme, host and port, the host in the same spelling."""
    try:
        first, second = urlsplit(url), urlsplit(other)
        ports = port_of(first), port_of(second)
    except ValueError:
        return False
    hosts = first.hostname, second.hostname
    return bool(first.hostname) and first.scheme == second.scheme and hosts[0] == hosts[1] and ports[0] == ports[1]


def port_of(url: SplitResult) -> int:
    """The port of an http or https URL. Raises ValueError if it isn't a number."""
    return url.port or (443 if url.scheme == "https" else 80)


def classify_address(address: Address) -> AddressKind:
    """What kind of place *address* is; an IPv4 address inside an IPv6 one counts as itself."""
    return _kind_of(_unwrap_ipv4(address))


def _kind_of(plain: Address) -> AddressKind:
    for text, kind in _RANGES:
        network = ipaddress.ip_network(text)
        if network.version == plain.version and plain in network:
            return kind
    return "public"


def _unwrap_ipv4(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv6Address):
        for text, bit in _EMBEDDED:
            if address in ipaddress.IPv6Network(text):
                return ipaddress.IPv4Address((int(address) >> (128 - 32 - bit)) & 0xFFFFFFFF)
    return address


def parse_address(address: str) -> Address:
    """Parses a resolver's text, with or without a zone."""
    return ipaddress.ip_address(address)


@lru_cache(maxsize=64)
def parse_literal_host(host: str) -> Address | None:
    """The address that *host* is in whatever spelling (127.1, 0x7f.1, 2130706433, [::1]), or None for a name."""
    bare = host.strip("[]").rstrip(".")
    try:
        return ipaddress.ip_address(bare)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(bare)) if bare.isascii() and " " not in bare else None
    except (OSError, ValueError):
        return None


def literal_endpoint(host: str, port: int) -> Endpoint | None:
    """The endpoint that *host* names without DNS: an address or `localhost`; None for any other name."""
    address = parse_literal_host(host)
    if address:
        return endpoint_of(address, port)
    return Endpoint("loopback", "localhost", port) if is_localhost_name(host) else None


def is_localhost_name(host: str) -> bool:
    """Whether *host* is `localhost` or a name below it (RFC 6761)."""
    name = host.lower().rstrip(".")
    return name == "localhost" or name.endswith(".localhost")


class AddressPolicy(NamedTuple):
    """Which endpoints the result URLs of one response may lead to."""

    server: Endpoint | None
    """Where the response came from; None if that counts as a public address."""

    @classmethod
    def for_response(cls, base_url: str, peer: str | None) -> AddressPolicy:
        """The policy for result URLs in a response from *base_url*.

        *peer* is the address that the request was sent to. None means unknown (a proxy was used, or a crash left no
        record of it): then the base URL counts if it is itself an address or localhost, and any other name counts as
        public.
        """
        try:
            parts = urlsplit(base_url)
            if peer:
                return cls(endpoint_of(parse_address(peer), port_of(parts)))
            return cls(literal_endpoint(parts.hostname or "", port_of(parts)))
        except ValueError:
            return cls(None)

    def allows(self, endpoint: Endpoint) -> bool:
        """Whether a result URL may lead to *endpoint*."""
        if endpoint.kind == "public":
            return True
        if self.server is None or endpoint.kind == "never" or endpoint.kind != self.server.kind:
            return False
        return endpoint.kind != "loopback" or endpoint == self.server
