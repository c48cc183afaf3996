"""The fixture that opens pages notices a page that fails or makes foreign requests."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import OpenPage

pytestmark = pytest.mark.slow


def test_a_page_is_opened_with_the_requested_window(open_page: OpenPage, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    file.write_text("<h1>Hello</h1>", "utf-8")
    page = open_page(file.as_uri(), width=390, height=844, dark=True, touch=True)
    assert page.locator("h1").inner_text() == "Hello"
    assert page.evaluate(
        "[innerWidth, matchMedia('(prefers-color-scheme: dark)').matches, 'ontouchstart' in window]"
    ) == [
        390,
        True,
        True,
    ]


@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("<script>throw Error('broken')</script>", "exception: broken"),
        ("<script>console.error('wrong')</script>", "console: wrong"),
        ("<script>fetch('http://127.0.0.1:9/x').catch(() => 0)</script>", "request: http://127.0.0.1:9/x"),
    ],
)
def test_a_problem_of_the_page_is_noticed(
    open_page: OpenPage, page_problems: list[str], tmp_path: Path, html: str, problem: str
) -> None:
    file = tmp_path / "page.html"
    file.write_text(html, "utf-8")
    open_page(file.as_uri()).wait_for_timeout(200)
    assert problem in page_problems
    page_problems.clear()
