"""The paint page over an image of its own, and where its pixels are on the screen."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from imagecli.domain import Size
from imagecli.web.paint_server import PaintImage, PaintServer
from imagecli.web.paint_session import DEFAULT_TIMES, PaintTimes
from tests.browser import OpenPage

if TYPE_CHECKING:
    from playwright.sync_api import Page

WIDTH, HEIGHT = 300, 200
Serve = Callable[..., PaintServer]


def paint_image(width: int = WIDTH, height: int = HEIGHT, area: bytes | None = None) -> PaintImage:
    """An image whose layer has its own size."""
    buffer = io.BytesIO()
    Image.linear_gradient("L").resize((width, height)).convert("RGB").save(buffer, "png")
    size = Size(width, height)
    return PaintImage(
        name="photo.jpg",
        size=size,
        layer=size,
        data=buffer.getvalue(),
        media_type="image/png",
        area=area or bytes(size.pixels),
        edited_from=240,
    )


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Starts paint servers, which end with the test."""
    with ExitStack() as stack:

        def start(image: PaintImage | None = None, times: PaintTimes = DEFAULT_TIMES) -> PaintServer:
            return stack.enter_context(PaintServer(image or paint_image(), times))

        yield start


@pytest.fixture
def open_page(serve: Serve, open_page: OpenPage) -> OpenPage:
    """As for all tests; its pages are closed before the servers end, so that they don't miss them."""
    return open_page


def painted(server: PaintServer) -> Image.Image:
    """The area that the server has: 255 where the image may be edited."""
    layer = server.image.layer
    return Image.frombytes("L", (layer.width, layer.height), server.session.area)


class Stage:
    """Points of the image on the page; x and y are pixels of the layer."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.wait_for_selector("[data-ready]", state="attached")

    def at(self, x: float, y: float) -> tuple[float, float]:
        """The point in the window."""
        left, top, scale = self.page.evaluate(
            "() => { const box = stage.getBoundingClientRect(); return [box.x + view.x, box.y + view.y, view.scale] }"
        )
        return left + x * scale, top + y * scale

    def drag(self, *points: tuple[float, float], button: str = "left") -> None:
        """Presses the mouse at the first point, moves it through the others, and lifts it at the last."""
        mouse = self.page.mouse
        mouse.move(*self.at(*points[0]))
        mouse.down(button=button)  # type: ignore[arg-type]
        for point in points[1:]:
            mouse.move(*self.at(*point), steps=4)
        mouse.up(button=button)  # type: ignore[arg-type]

    def save(self) -> None:
        self.page.get_by_role("button", name="Save").click()
        self.page.get_by_text("Mask saved").wait_for()
