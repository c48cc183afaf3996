"""Each exception of urllib3 becomes an error that says whether the request may be billed."""

from __future__ import annotations

import pytest
import urllib3.exceptions
from urllib3.exceptions import ConnectTimeoutError, HTTPError

from imagecli.client.translate_errors import NOTHING_SENT, translate_request_error

URL = "https://me:hush@api.example.test/v1?key=hush"
EXCEPTIONS = [
    value
    for value in vars(urllib3.exceptions).values()
    if isinstance(value, type) and issubclass(value, HTTPError) and not issubclass(value, Warning)
]


def create_error(kind: type[HTTPError]) -> HTTPError:
    """An exception of *kind*; their constructors have different parameters."""
    error = kind.__new__(kind)
    error.args = ("words",)
    vars(error).update(length=b"", partial=0, expected=0)  # printed by some
    return error


def test_exceptions_are_found() -> None:
    assert len(EXCEPTIONS) > 25


@pytest.mark.parametrize("kind", EXCEPTIONS)
def test_each_exception_says_whether_it_may_be_billed(kind: type[HTTPError]) -> None:
    before = translate_request_error(create_error(kind), URL, begun=False)
    after = translate_request_error(create_error(kind), URL, begun=True)
    assert before.exit_code in (2, 6)
    assert after.exit_code == (6 if issubclass(kind, ConnectTimeoutError) else 7)
    assert "hush" not in f"{before.message} {before.hint} {after.message} {after.hint}"


def test_no_rule_is_hidden_by_an_earlier_one() -> None:
    for index, rule in enumerate(NOTHING_SENT):
        earlier = tuple(kind for other in NOTHING_SENT[:index] for kind in other.exceptions)
        assert not any(issubclass(kind, earlier) for kind in rule.exceptions), rule.message
