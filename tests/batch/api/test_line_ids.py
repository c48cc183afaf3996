"""Custom ids and metadata at the provider: read back as they were written, and those of others are ignored."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.batch.api.submission_ids import LineId, batch_metadata, item_key, parse_custom_id

KEY = f"{'0123456789abcdef'}-{'f' * 24}"
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)


@given(st.text(), DIGESTS, st.integers(0, 10**9 - 1), st.integers(0, 10**9 - 1))
def test_an_id_is_read_back_as_its_row(id: str, digest: str, begin: int, n: int) -> None:
    place = LineId(key=item_key(id, digest), begin=begin, n=n)
    assert parse_custom_id(str(place)) == place
    # 64 characters is the limit of other providers.
    assert re.fullmatch(r"[0-9a-f-]{1,64}", str(place))


@given(st.tuples(st.text(), DIGESTS), st.tuples(st.text(), DIGESTS))
def test_two_rows_have_two_ids(first: tuple[str, str], other: tuple[str, str]) -> None:
    assert (item_key(*first) == item_key(*other)) == (first[0] == other[0] and first[1][:24] == other[1][:24])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "request-1",
        KEY,
        f"{KEY}-0",
        f"{KEY}-0-1\n",
        f" {KEY}-0-1",
        f"{KEY.upper()}-0-1",
        f"{KEY}-٣-1",
        f"{KEY}-+1-1",
        f"{KEY}-0-1-2",
        f"{KEY}-{10**9}-1",
        f"{KEY[1:]}-0-1",
    ],
)
def test_an_id_of_another_program_is_ignored(text: str) -> None:
    assert parse_custom_id(f"{KEY}-0-1") == LineId(key=KEY, begin=0, n=1)
    assert parse_custom_id(text) is None


@given(st.text(max_size=2000))
def test_metadata_respects_the_limits_of_the_api(name: str) -> None:
    pairs = batch_metadata(name, "a" * 64, "b" * 32)
    assert len(pairs) <= 16
    assert all(len(key) <= 64 and len(value) <= 512 for key, value in pairs.items())
    assert pairs["imagecli_manifest_sha256"] == "a" * 64
    assert name.startswith(pairs["imagecli_manifest"])
