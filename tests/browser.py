"""Opens pages in Chromium. A page that fails, or requests anything from another origin, fails its test."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Error, Page, Request

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
INSTALL_HINT = "apt-get install chromium, and pip install -e '.[test]'"


class OpenPage(Protocol):
    """The fixture `open_page`; *options* are those of Playwright's `Browser.new_context`."""

    def __call__(
        self, url: str, *, width: int = 1280, height: int = 800, dark: bool = False, touch: bool = False, **options: Any
    ) -> Page: ...


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A headless Chromium for the tests of one file; Playwright's event loop ends with it."""
    if not CHROMIUM or not importlib.util.find_spec("playwright"):
        pytest.skip(f"no {'Playwright' if CHROMIUM else 'Chromium'} on this machine: {INSTALL_HINT}")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Its own sandbox needs user namespaces, which root and containers lack; it sees only the pages of the tests.
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, chromium_sandbox=False)
        yield chromium
        chromium.close()


@pytest.fixture
def page_problems() -> list[str]:
    """The errors of the pages of a test. A test that expects an error removes it."""
    return []


@pytest.fixture
def open_page(browser: Browser, page_problems: list[str]) -> Iterator[OpenPage]:
    """Opens a page in a window of its own, which shares no storage with the others of the test."""
    contexts = []

    def open_(
        url: str, *, width: int = 1280, height: int = 800, dark: bool = False, touch: bool = False, **options: Any
    ) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            has_touch=touch,
            **options,
        )
        contexts.append(context)
        page = context.new_page()
        watch(page, url, page_problems)
        page.goto(url)
        return page

    yield open_
    for context in contexts:
        context.close()
    if page_problems:
        pytest.fail("\n".join(page_problems))


def watch(page: Page, url: str, problems: list[str]) -> None:
    """Adds to *problems*: exceptions, errors on the console (also of the content security policy), foreign requests."""
    origin = urlsplit(url)[:2]

    def on_exception(error: Error) -> None:
        problems.append(f"exception: {error}")

    def on_console(message: ConsoleMessage) -> None:
        if message.type == "error":
            problems.append(f"console: {message.text}")

    def on_request(request: Request) -> None:
        if request.url.partition(":")[0] not in ("data", "blob") and urlsplit(request.url)[:2] != origin:
            problems.append(f"request: {request.url}")

    page.on("pageerror", on_exception)
    page.on("console", on_console)
    page.on("request", on_request)
