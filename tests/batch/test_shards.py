"""Shards: every row is in one, by its id alone, and their cost limits add up to the limit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.batch.shards import Shard, cap_share, parse_shard, shard_index
from imagecli.errors import UsageError


@given(id=st.text(), of=st.integers(1, 500))
def test_a_row_is_in_exactly_one_shard(id: str, of: int) -> None:
    assert 1 <= shard_index(id, of) <= of
    if of < 20:
        assert [Shard(index=index, of=of).contains(id) for index in range(1, of + 1)].count(True) == 1


def test_a_row_stays_in_its_shard_for_ever() -> None:
    assert [shard_index(name, 5) for name in ("hero", "icon", "猫", "\udcff", "")] == [2, 5, 1, 1, 3]


def test_shards_are_about_as_large_as_each_other() -> None:
    sizes = [sum(Shard(index=index, of=4).contains(f"row-{number}") for number in range(4000)) for index in range(1, 5)]
    assert all(900 < size < 1100 for size in sizes)


def test_a_shard_is_read_as_it_is_typed() -> None:
    assert parse_shard(" 2/12 ") == Shard(index=2, of=12)
    assert str(Shard(index=2, of=12)) == "2/12"


@pytest.mark.parametrize("text", ["0/3", "4/3", "2", "a/b", "1/0", "-1/3", "1/3/5", "", "１/３", "1/99999999"])
def test_an_invalid_shard_is_an_error_with_an_example(text: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_shard(text)
    assert raised.value.hint and raised.value.hint.startswith("for example --shard 1/")


@given(costs=st.lists(st.floats(0, 10), min_size=1, max_size=30), of=st.integers(1, 6), cap=st.floats(0, 100))
def test_the_shares_of_a_cost_limit_add_up_to_it(costs: list[float], of: int, cap: float) -> None:
    of_shard = [0.0] * of
    for number, cost in enumerate(costs):
        of_shard[shard_index(str(number), of) - 1] += cost
    shares = [cap_share(cap, mine, sum(costs)) for mine in of_shard]
    if sum(costs):
        assert sum(shares) == pytest.approx(cap)
    if sum(costs) <= cap:
        assert all(mine <= share + 1e-9 for mine, share in zip(of_shard, shares, strict=True))
