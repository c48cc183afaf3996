"""Each exception of requests is an error of ours: nothing sent before the body began, perhaps billed after."""

from __future__ import annotations

import pytest
import requests
from urllib3.exceptions import ProtocolError

from imagecli.client.translate_errors import NOTHING_SENT, translate_request_error

URL = "https://me:hush@api.example.test/v1?key=hush"
EXCEPTIONS = [
    value
    for value in vars(requests.exceptions).values()
    if isinstance(value, type) and issubclass(value, requests.RequestException)
]


def made(kind: type[requests.RequestException]) -> requests.RequestException:
    """One of that kind; JSONDecodeError is also json's, which wants more."""
    return kind("words", "{}", 0) if issubclass(kind, requests.exceptions.JSONDecodeError) else kind("words")


def test_the_walk_finds_them() -> None:
    assert len(EXCEPTIONS) > 15


@pytest.mark.parametrize("kind", [kind for kind in EXCEPTIONS if kind is not requests.RequestException])
def test_each_exception_has_a_rule(kind: type[requests.RequestException]) -> None:
    assert any(issubclass(kind, rule.exceptions) for rule in NOTHING_SENT)


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_each_exception_says_whether_it_may_be_billed(kind: type[requests.RequestException]) -> None:
    before = translate_request_error(made(kind), URL, begun=False)
    after = translate_request_error(made(kind), URL, begun=True)
    assert before.exit_code in (2, 6)
    assert after.exit_code == (6 if issubclass(kind, requests.exceptions.ConnectTimeout) else 7)
    assert "hush" not in f"{before.message} {before.hint} {after.message} {after.hint}"


def test_each_rule_can_be_met() -> None:
    """No rule is hidden by one before it."""
    for index, rule in enumerate(NOTHING_SENT):
        earlier = tuple(kind for other in NOTHING_SENT[:index] for kind in other.exceptions)
        assert not any(issubclass(kind, earlier) for kind in rule.exceptions), rule.message


def test_an_error_of_urllib3_is_translated_too() -> None:
    assert translate_request_error(ProtocolError("words"), URL, begun=False).exit_code == 6
    assert translate_request_error(ProtocolError("words"), URL, begun=True).exit_code == 7
