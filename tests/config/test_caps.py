"""The cost limit of a command: who can lower it, who can raise it, and the origin that is printed."""

from __future__ import annotations

import pytest

from tests.config.conftest import LOCAL, Home


@pytest.mark.parametrize(
    ("flag", "variable", "project", "user", "cap", "origin"),
    [
        (None, None, None, None, 5.0, None),
        (50.0, "1", 2, 3, 50.0, "--max-cost"),
        (0.0, "1", 2, 3, 0.0, "--max-cost"),
        (None, "20", None, None, 20.0, "IMAGECLI_MAX_COST"),
        (None, None, None, 20, 20.0, "config.toml"),
        (None, "20", None, 3, 3.0, "config.toml"),
        (None, "2", None, 30, 2.0, "IMAGECLI_MAX_COST"),
        (None, "20", 1.5, 30, 1.5, "imagecli.toml"),
        (None, None, 1, None, 1.0, "imagecli.toml"),
        (None, None, 10, None, 5.0, "can't raise the built-in limit"),
        (None, None, 10, 20, 10.0, "imagecli.toml"),
        (None, "8", 10, None, 8.0, "IMAGECLI_MAX_COST"),
    ],
)
def test_the_lowest_limit_applies_and_only_a_flag_replaces_it(
    home: Home,
    flag: float | None,
    variable: str | None,
    project: float | None,
    user: float | None,
    cap: float,
    origin: str | None,
) -> None:
    if project is not None:
        home.in_project(f"max_cost = {project}")
    if user is not None:
        home.user(f"max_cost = {user}")
    settings = home.load(LOCAL | {"max_cost": flag}, {"IMAGECLI_MAX_COST": variable} if variable else {})
    assert settings.max_cost == cap
    assert (settings.max_cost_origin or "").endswith(origin or "") and bool(settings.max_cost_origin) == bool(origin)
