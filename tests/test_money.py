"""The format of amounts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.money import format_usd, format_usd_exact, format_usd_range, round_up_usd


@pytest.mark.parametrize(
    ("usd", "text"),
    [
        (0, "$0"),
        (0.0, "$0"),
        (0.21072, "$0.21"),
        (0.05268, "$0.053"),
        (0.00588, "$0.006"),
        (1e-05, "less than $0.001"),
        (0.000999, "less than $0.001"),
        (0.0996, "$0.100"),
        (0.1, "$0.10"),
        (5, "$5.00"),
        (1234.5, "$1,234.50"),
        (1e16, "$10,000,000,000,000,000.00"),
    ],
)
def test_an_amount_is_formatted_for_readers(usd: float, text: str) -> None:
    assert format_usd(usd) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(5.0001, "$5.01"), (0.0521, "$0.053"), (5, "$5.00"), (1e-9, "$0.001"), (0.21, "$0.21")]
)
def test_rounding_up_never_understates_an_amount(usd: float, text: str) -> None:
    assert format_usd(usd, up=True) == text


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (0.2107, 0.2109, "$0.21"),
        (0.10009, 0.10035, "$0.10"),
        (0.1, 0.1111, "$0.10 to $0.11"),
        (0.01, 0.0221, "$0.010 to $0.022"),
        (0.01, 0.0418, "$0.010 to $0.042"),
        (0.0527, 0.053, "$0.053"),
        (0.21, 0.37104, "$0.21 to $0.38"),
        (0.3, 0.1 + 0.2, "$0.30"),
        (0.006, 0.21, "$0.006 to $0.21"),
        (0, 0, "nothing"),
        (0.05, None, "$0.050 or more"),
    ],
)
def test_a_range_is_formatted_for_readers(low: float, high: float | None, text: str) -> None:
    assert format_usd_range(low, high) == text


@pytest.mark.parametrize(
    ("usd", "text"),
    [(5.0, "5"), (10, "10"), (100.0, "100"), (0.25, "0.25"), (1e-05, "0.00001"), (0, "0"), (1e16, "1" + "0" * 16)],
)
def test_an_amount_for_a_flag_is_exact(usd: float, text: str) -> None:
    assert format_usd_exact(usd) == text


@pytest.mark.parametrize(
    ("usd", "text"), [(8.44, "9"), (1, "1"), (0.2107, "0.22"), (0.004, "0.004"), (0.00401, "0.005")]
)
def test_a_suggested_limit_is_round_and_sufficient(usd: float, text: str) -> None:
    assert round_up_usd(usd) == text


@given(st.floats(0, 1e6))
def test_no_amount_has_an_exponent_and_a_suggested_limit_suffices(usd: float) -> None:
    for text in (format_usd(usd), format_usd(usd, up=True), format_usd_exact(usd), round_up_usd(usd)):
        assert re.fullmatch(r"(less than )?\$?[\d,]+(\.\d+)?", text), text
    assert float(round_up_usd(usd)) >= usd
    assert float(format_usd_exact(usd)) == usd
