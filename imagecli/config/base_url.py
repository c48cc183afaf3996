"""Base URLs: validation, and whether the host is public, private or this machine."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit, urlunsplit

from imagecli.errors import UsageError
from imagecli.quoting import quote_without_secrets


def validate_base_url(text: str) -> str:
    """*text* as a base URL. Raises UsageError if it is malformed."""
    example = "for example --base-url http://localhost:8080/v1"
    text = text.strip()
    if "\\" in text or " " in text or not text.isprintable():
        raise UsageError("the base URL contains a space, a backslash or a control character", hint=example)
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"invalid base URL {quote_without_secrets(text)}", hint=example) from error
    if parts.scheme not in ("http", "https"):
        raise UsageError(
            f"the base URL {quote_without_secrets(text)} must start with http:// or https://", hint=example
        )
    labels = (parts.hostname or "").split(".")
    if (
        not parts.hostname
        or port == 0
        or any(not label or len(label) > 63 for label in labels[:-1])
        or len(labels[-1]) > 63
    ):
        raise UsageError(f"the base URL {quote_without_secrets(text)} has no valid host name", hint=example)
    return text


_ENDPOINT: Final = re.compile(
    r"/(?:images/(?:generations(?::submit)?|edits|variations)|chat/completions)/*$"
    r"|(?<=/v\d)/(?:responses|embeddings|models)/*$"
)
"""Paths of requests. Portals and examples show complete URLs, which people copy as a base URL."""


def without_endpoint(base_url: str) -> str:
    """*base_url* without the path of a request at its end; its query stays."""
    parts = urlsplit(base_url)
    endpoint = _ENDPOINT.search(parts.path)
    return urlunsplit(parts._replace(path=parts.path[: endpoint.start()])) if endpoint else base_url


def is_public(base_url: str) -> bool:
    """Whether the host can be on the public internet: not if its name has no dot or is in a private zone.

    100.64.0.0/10 is the address space of carriers and of overlay networks such as Tailscale (RFC 6598); `.internal` is
    reserved for private use (ICANN, 2024-07-29), `.home.arpa` by RFC 8375.
    """
    host = (urlsplit(base_url).hostname or "").removesuffix(".")
    try:
        return ipaddress.ip_address(host).is_global
    except ValueError:
        private = host.endswith((".localhost", ".local", ".internal", ".home.arpa", ".svc", ".lan"))
        return "." in host and not private


def is_local(base_url: str) -> bool:
    """Whether the host is this machine or a private address, where servers commonly need no key."""
    host = (urlsplit(base_url).hostname or "").removesuffix(".")
    if host == "localhost" or host.endswith((".localhost", ".local")):
        return True
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False
