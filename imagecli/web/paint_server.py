"""Serves the paint page to a browser on this machine, and receives the painted area.

Every URL holds a random token, and requests that another website's page sends are refused: its Host or Origin differs.
The port is not compared, because `ssh -L` may forward another one.
"""

from __future__ import annotations

import hmac
import json
import re
import secrets
import zlib
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from imagecli.domain import Size
from imagecli.loopback_server import LOOPBACK_NAMES, LoopbackServer
from imagecli.web.paint_page import build_paint_page
from imagecli.web.paint_session import DEFAULT_TIMES, PaintSession, PaintTimes

_IDLE_SECONDS: Final = 60.0
_OVERHEAD_BYTES: Final = 4096
"""What compression may add to an area that it can't shrink."""
_GZIP: Final = 31
"""zlib's `wbits` for a gzip header."""
_SECURITY_HEADERS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class PaintImage(NamedTuple):
    """The image that is painted on, as a browser can show it, and the area to start from."""

    name: str
    size: Size
    """Of the image itself."""
    layer: Size
    """Of *data* and *area*: the same, or smaller."""
    data: bytes
    media_type: str
    area: bytes
    """A byte for each pixel of the layer, row by row: 255 where the image may be edited, 0 where it is kept."""
    edited_from: int = 255
    """From this value on a pixel counts as edited."""


class PaintServer(LoopbackServer):
    """The server of one image; as a context manager it runs until the block ends."""

    def __init__(self, image: PaintImage, times: PaintTimes = DEFAULT_TIMES) -> None:
        super().__init__(0, _RequestHandler)
        self.image = image
        self.session = PaintSession(image.area, times)
        self.token, self.entry_token = secrets.token_urlsafe(16), secrets.token_urlsafe(16)
        self.entered = False

    @property
    def url(self) -> str:
        """The URL of the page."""
        return f"http://127.0.0.1:{self.server_port}/{self.token}/"

    @property
    def entry_url(self) -> str:
        """Leads to the page once: other users can read it in the command line of the browser."""
        return f"http://127.0.0.1:{self.server_port}/{self.entry_token}/"

    def __enter__(self) -> PaintServer:
        self.start("paint")
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


class _Response(NamedTuple):
    status: int
    body: bytes = b""
    media_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = MappingProxyType({})


_NOT_FOUND: Final = _Response(404, b"Not found")


class _RequestHandler(BaseHTTPRequestHandler):
    server: PaintServer
    protocol_version = "HTTP/1.1"
    server_version = "imagecli"
    sys_version = ""
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        path = urlsplit(self.path).path
        if not self._is_from_this_machine():
            self._respond(_Response(403, b"Forbidden"))
        elif path == f"/{self.server.entry_token}/" and not self.server.entered:
            self.server.entered = True
            self._respond(_Response(303, headers={"Location": f"/{self.server.token}/"}))
        else:
            name = self._name_below_token(path)
            self._respond(_NOT_FOUND if name is None else self._get(name))

    def do_POST(self) -> None:
        # The connection ends after a refusal, whose body is not read.
        target = urlsplit(self.path)
        name = self._name_below_token(target.path)
        length = self.headers.get("Content-Length", "")
        if not self._is_from_this_machine():
            self._respond(_Response(403, b"Forbidden"), close=True)
        elif name is None:
            self._respond(_NOT_FOUND, close=True)
        elif not re.fullmatch(r"\d{1,10}", length):
            self._respond(_Response(411, b"Length required"), close=True)
        elif int(length) > self.server.image.layer.pixels + _OVERHEAD_BYTES:
            self._respond(_Response(413, b"Too large"), close=True)
        else:
            body = self.rfile.read(int(length))
            if len(body) == int(length):
                self._post(name, target.query, body)

    def log_message(self, format: str, *args: Any) -> None:
        """Does nothing: stderr belongs to the command."""

    def _is_from_this_machine(self) -> bool:
        """Whether Host and Origin are this server's, and not those of a website that a browser shows."""
        hosts, origins = self.headers.get_all("Host", []), self.headers.get_all("Origin", [])
        host = hosts[0].strip().lower() if len(hosts) == 1 else ""
        name = host[: len(host) - len(port[0])] if (port := re.search(r":\d{1,5}$", host)) else host
        return name in LOOPBACK_NAMES and all(origin.strip().lower() == f"http://{host}" for origin in origins)

    def _name_below_token(self, path: str) -> str | None:
        """`image` for `/TOKEN/image`; None for another token."""
        _, _, rest = path.partition("/")
        token, slash, name = rest.partition("/")
        is_known = hmac.compare_digest(token.encode("utf-8", "replace"), self.server.token.encode("ascii"))
        return name if slash and is_known else None

    def _get(self, name: str) -> _Response:
        image = self.server.image
        if name == "":
            html, policy = build_paint_page()
            return _Response(200, html, "text/html; charset=utf-8", {"Content-Security-Policy": policy})
        if name == "info":
            info = {
                "name": image.name,
                "width": image.size.width,
                "height": image.size.height,
                "layerWidth": image.layer.width,
                "layerHeight": image.layer.height,
                "editedFrom": image.edited_from,
            }
            return _Response(200, json.dumps(info).encode("ascii"), "application/json")
        if name == "image":
            return _Response(200, image.data, image.media_type)
        if name == "area":
            area = zlib.compress(self.server.session.area, 1, _GZIP)
            return _Response(200, area, "application/octet-stream", {"Content-Encoding": "gzip"})
        return _NOT_FOUND

    def _post(self, name: str, page: str, body: bytes) -> None:
        session = self.server.session
        if name in ("draft", "save"):
            area = self._read_area(body)
            if area is None:
                self._respond(_Response(400, b"Not an area of this image"))
                return
            if name == "save" and max(area) < self.server.image.edited_from:
                self._respond(_Response(422, b"Nothing is painted"))
                return
            session.keep_area(area, is_final=name == "save")
        elif name == "alive" and page:
            session.note_open_page(page)
        elif name == "leave" and page:
            session.note_closed_page(page)
        elif name != "cancel":
            self._respond(_NOT_FOUND)
            return
        # First, because the process may end as soon as the session does.
        self._respond(_Response(204))
        if name in ("save", "cancel"):
            session.end("saved" if name == "save" else "cancelled")

    def _read_area(self, body: bytes) -> bytes | None:
        """The area in *body*, compressed or not; None unless it has a byte for each pixel."""
        expected = self.server.image.layer.pixels
        if self.headers.get("Content-Encoding") == "gzip":
            decompressor = zlib.decompressobj(_GZIP)
            try:
                body = decompressor.decompress(body, expected + 1)
            except zlib.error:
                return None
        return body if len(body) == expected else None

    def _respond(self, response: _Response, *, close: bool = False) -> None:
        self.send_response(response.status)
        headers = {"Content-Type": response.media_type, **_SECURITY_HEADERS, **response.headers}
        for header, value in headers.items():
            self.send_header(header, value)
        if response.status != 204:
            self.send_header("Content-Length", str(len(response.body)))
        if close:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(response.body)
