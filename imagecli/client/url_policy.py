"""Which addresses a result URL may lead to: public ones, and others only if the server itself is at such a place.

The place is the address that the request for the images was sent to. A second DNS lookup could give another one. A
server on this machine may link to itself, which is the same host and port, and one in a private network to private
networks. No server may link to cloud credentials, multicast or reserved addresses.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from imagecli.client.errors import redact_url
from imagecli.client.exchange_limits import AddressFilter
from imagecli.client.ip_ranges import Endpoint, endpoint_of, literal_endpoint, parse_address, port_of
from imagecli.errors import UnsavedError


def permit(base_url: str, peer: str | None) -> AddressFilter:
    """Whether a result URL in a response from *base_url* may lead to an endpoint.

    *peer* is the address that the request was sent to. None means unknown (a proxy was used, or a crash left no record
    of it): then the base URL counts if it is itself an address or localhost, and any other name counts as public.
    """
    own = _own_endpoint(base_url, peer)

    def judge(endpoint: Endpoint) -> bool:
        if endpoint.kind == "public":
            return True
        if own is None or endpoint.kind == "never" or endpoint.kind != own.kind:
            return False
        return endpoint.kind != "loopback" or endpoint == own

    return judge


def _own_endpoint(base_url: str, peer: str | None) -> Endpoint | None:
    try:
        parts = urlsplit(base_url)
        if peer:
            return endpoint_of(parse_address(peer), port_of(parts))
        return literal_endpoint(parts.hostname or "", port_of(parts))
    except ValueError:
        return None


def _check_port(parts: SplitResult, url: str) -> None:
    try:
        nowhere = parts.port == 0
    except ValueError:
        nowhere = True
    if nowhere:
        raise UnsavedError(f"its address names a port that no server has: {redact_url(url)}", code="result_refused")


def check_result_url(url: str) -> None:
    """Raises UnsavedError unless *url* is a plain http(s) URL: no other scheme, no password, no odd characters."""
    if any(character < " " or character in "\x7f\\" for character in url):
        raise UnsavedError(f"its address has a character that no address has: {redact_url(url)}", code="result_refused")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UnsavedError(f"its address is none: {redact_url(url)}", code="result_refused") from error
    _check_port(parts, url)
    if parts.scheme not in ("http", "https"):
        raise UnsavedError(f"its address is not http(s): {redact_url(url)}", code="result_refused")
    if "@" in parts.netloc:
        raise UnsavedError(f"its address holds a name and password: {redact_url(url)}", code="result_refused")
    if not parts.hostname or " " in parts.netloc:
        raise UnsavedError(f"its address names no host: {redact_url(url)}", code="result_refused")
