"""Result images by URL, as the API's blob store served them: signed, expiring, and refused to requests with a key.

Source: result URLs and expiry bodies quoted in public issues of open-webui and nextcloud, read 2026-11-22.
"""

from __future__ import annotations

import hashlib
import hmac
import math
import secrets
import threading
from collections import OrderedDict
from datetime import UTC, datetime
from urllib.parse import quote

from imagecli.sandbox.clock import SandboxClock
from imagecli.sandbox.http_message import ServerRequest, ServerResponse

IMAGE_PATH = "/pictures/"
MAX_BYTES = 512 * 1024 * 1024
"""Bytes; beyond these, the oldest images are dropped."""


class UrlStore:
    """Stores images under signed URLs. Thread-safe."""

    def __init__(self, ttl: float, clock: SandboxClock, capacity: int = MAX_BYTES) -> None:
        self._ttl = ttl
        self._clock = clock
        self._capacity = capacity
        self._secret = secrets.token_bytes(32)
        self._images: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def add(self, data: bytes, host: str) -> str:
        """The URL that serves *data* (PNG) for *ttl* seconds of the clock."""
        now = self._clock.now()
        path = f"{IMAGE_PATH}img-{secrets.token_urlsafe(18)}.png"
        with self._lock:
            self._images[path] = (data, now + self._ttl)
            self._bytes += len(data)
            while self._bytes > self._capacity and len(self._images) > 1:
                self._bytes -= len(self._images.popitem(last=False)[1][0])
        start = _iso_time(self._clock.unix_seconds(now))
        expiry = _iso_time(math.ceil(self._clock.unix_seconds(now + self._ttl)))
        query = f"st={quote(start)}&se={quote(expiry)}&sp=r&sv=2026-02-06&sr=b&rscd=inline&rsct=image/png"
        return f"http://{host}{path}?{query}&sig={self._signature(path, start, expiry)}"

    def has(self, path: str) -> bool:
        """Whether there is an image with this path."""
        return path in self._images

    def serve(self, request: ServerRequest) -> ServerResponse:
        """The image, or the blob store's XML error."""
        if request.method not in ("GET", "HEAD"):
            return _refused_response(405, "UnsupportedHttpVerb", "The resource doesn't support specified Http Verb.")
        start, expiry, signature = (request.query.get(name, "") for name in ("st", "se", "sig"))
        if "authorization" in request.headers:
            return _denied_response(
                "AuthenticationErrorDetail", "Authorization header and signed query can't be used together."
            )
        if not self.has(request.path) and not signature:
            return _refused_response(404, "ResourceNotFound", "The specified resource does not exist.")
        if not hmac.compare_digest(signature.encode(), self._signature(request.path, start, expiry).encode()):
            return _denied_response("AuthenticationErrorDetail", "Signature did not match.")
        data, until = self._images.get(request.path, (b"", 0.0))
        now = self._clock.now()
        if now >= until:
            return _denied_response(
                "AuthenticationErrorDetail",
                f"Signed expiry time [{expiry}] must be after signed start time [{start}] and current time "
                f"[{_iso_time(self._clock.unix_seconds(now))}]: the signature is outside its time frame.",
            )
        return ServerResponse(
            status=200, headers={"Content-Type": "image/png", "Content-Disposition": "inline"}, body=data
        )

    def _signature(self, path: str, start: str, expiry: str) -> str:
        return hmac.new(self._secret, "\n".join((path, start, expiry)).encode(), hashlib.sha256).hexdigest()


def _denied_response(name: str, detail: str) -> ServerResponse:
    message = (
        "Server failed to authenticate the request. Make sure the value of Authorization header is formed correctly "
        "including the signature."
    )
    return _refused_response(403, "AuthenticationFailed", message, f"<{name}>{detail}</{name}>")


def _refused_response(status: int, code: str, message: str, more: str = "") -> ServerResponse:
    body = f'<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>{message}</Message>{more}</Error>'
    return ServerResponse(
        status=status, headers={"Content-Type": "application/xml", "x-ms-error-code": code}, body=body.encode()
    )


def _iso_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
