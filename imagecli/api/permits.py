"""Where a result may be fetched from: the open network; beside it only the kind of place that the base URL's host is.

A server on this machine may so hand out pictures of this machine, one in a private network pictures of private
networks, and neither those of the other. Cloud credentials, multicast and reserved addresses are for nobody.
"""

from __future__ import annotations

from urllib.parse import SplitResult, urlsplit

from imagecli.api.addresses import Kind, literal_kind, own_kind
from imagecli.api.failures import shown
from imagecli.api.resolving import in_time
from imagecli.api.session import Session
from imagecli.api.terms import Judge, Resolve
from imagecli.api.wire import goes_by_proxy
from imagecli.errors import UnsavedError

RESOLVE_SECONDS = 10.0


class Permits:
    """Remembers what kind of place each base URL is, so that a name can't change its mind from picture to picture."""

    def __init__(self, session: Session, resolve: Resolve) -> None:
        self._session, self._resolve = session, resolve
        self._kinds: dict[str, Kind] = {}

    def judge(self, base_url: str) -> Judge:
        """Whether a kind of address may be asked for pictures of an answer from *base_url*."""
        return lambda kind: kind == "public" or (kind != "never" and kind == self._own(base_url))

    def _own(self, base_url: str) -> Kind:
        if base_url not in self._kinds:
            self._kinds[base_url] = self._found(base_url)
        return self._kinds[base_url]

    def _found(self, base_url: str) -> Kind:
        """A name that a proxy resolves, or nobody does, opens nothing."""
        try:
            parts = urlsplit(base_url)
            host, port = parts.hostname or "", parts.port or 443
            kind = literal_kind(host)
            if kind or not host or goes_by_proxy(self._session, base_url):
                return kind or "public"
            return own_kind(tuple(in_time(self._resolve, host, port, RESOLVE_SECONDS)))
        except (OSError, ValueError):
            return "public"


def _check_port(parts: SplitResult, url: str) -> None:
    try:
        nowhere = parts.port == 0
    except ValueError:
        nowhere = True
    if nowhere:
        raise UnsavedError(f"its address names a port that no server has: {shown(url)}", code="result_refused")


def check_address(url: str) -> None:
    """Raises UnsavedError for what is no plain http(s) address: other schemes, a name and password, odd characters."""
    if any(character < " " or character in "\x7f\\" for character in url):
        raise UnsavedError(f"its address has a character that no address has: {shown(url)}", code="result_refused")
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise UnsavedError(f"its address is none: {shown(url)}", code="result_refused") from error
    _check_port(parts, url)
    if parts.scheme not in ("http", "https"):
        raise UnsavedError(f"its address is not http(s): {shown(url)}", code="result_refused")
    if "@" in parts.netloc:
        raise UnsavedError(f"its address holds a name and password: {shown(url)}", code="result_refused")
    if not parts.hostname or " " in parts.netloc:
        raise UnsavedError(f"its address names no host: {shown(url)}", code="result_refused")
