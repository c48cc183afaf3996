"""Lets the user paint a mask in a browser, and waits for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagecli.commands.browser import has_browser, open_browser
from imagecli.env import Env
from imagecli.errors import MaskError
from imagecli.images.header import ImageHeader
from imagecli.images.mask_area import MIN_ALPHA, Area
from imagecli.images.paint_layer import enlarge_from_layer, layer_size, render_layer, shrink_to_layer
from imagecli.output.terminal import sanitize, write_line
from imagecli.quoting import shell_quote
from imagecli.web.paint_server import PaintImage, PaintServer
from imagecli.web.paint_session import DEFAULT_TIMES, PaintEnd

_REASONS: Final[Mapping[PaintEnd, str]] = {
    "cancelled": "painting was cancelled; no mask was written",
    "closed": "the paint page was closed before the mask was saved; no mask was written",
    "silent": f"no sign of life from the paint page for {DEFAULT_TIMES.silence:.0f} s; no mask was written",
    "unopened": f"no one opened the paint page within {DEFAULT_TIMES.open / 60:.0f} minutes; no mask was written",
}
_AGAIN: Final = "run the command again, and click Save mask in the page"


def paint_area(header: ImageHeader, area: Area, env: Env) -> Area:
    """The area that the user paints over the image, starting from *area*; both have its size as displayed.

    Raises MaskError if the page is closed without saving, InputImageError for damaged pixels.
    """
    data, media_type = render_layer(header)
    image = PaintImage(
        name=header.name,
        size=header.size,
        layer=layer_size(header.size),
        data=data,
        media_type=media_type,
        area=shrink_to_layer(area).tobytes(),
        edited_from=256 - MIN_ALPHA,
    )
    with PaintServer(image) as server:
        _announce(server, header.name, env)
        end = server.session.wait()
    if end != "saved":
        raise MaskError(_REASONS[end], hint=_AGAIN, code="not_painted")
    return enlarge_from_layer(server.session.area, area)


def _announce(server: PaintServer, name: str, env: Env) -> None:
    """Opens the page, and prints its URL: also with --quiet, because the command waits for it."""
    write_line(env.stderr, f"imagecli: paint the mask for {sanitize(name)} in a browser: {server.url}")
    if has_browser(env):
        open_browser(server.entry_url, env)
    if tunnel := _tunnel_command(server.server_port, env):
        write_line(env.stderr, f"imagecli: to reach it over SSH, run on your computer first: {tunnel}")
    write_line(env.stderr, "imagecli: waiting until you click Save mask in the page; Ctrl-C cancels")


def _tunnel_command(port: int, env: Env) -> str | None:
    """The command that forwards *port* to the user's computer; None if the user is not connected over SSH."""
    connection = env.environ.get("SSH_CONNECTION", "").split()
    if len(connection) != 4:
        return None
    host, ssh_port = connection[2], connection[3]
    user = env.environ.get("USER") or env.environ.get("LOGNAME")
    target = shell_quote(f"{user}@{host}" if user else host)
    return f"ssh -N -L {port}:127.0.0.1:{port} {'' if ssh_port == '22' else f'-p {ssh_port} '}{target}"
