"""Completes the error of a server that refuses a key: where the key comes from, or that none was sent."""

from __future__ import annotations

from imagecli.config.settings import Settings
from imagecli.errors import AuthenticationError, ImagecliError
from imagecli.results import CallResult


def explain_refused_key(error: ImagecliError, settings: Settings) -> ImagecliError:
    """*error*; if a key was refused, with the key's origin, or if there was none, with the ways to set one."""
    if not isinstance(error, AuthenticationError) or not error.status:
        return error
    if settings.key:
        return error.with_context(f"the key comes from {settings.key.origin}")
    row, (_, _, reason) = settings.provider, error.message.partition(": ")
    ways = [f"imagecli login {row.name}", *(f"export {key.env}=…" for key in row.keys[:1])]
    return error.with_facts(
        message=f"the server requires an API key, but none was sent: {reason}", hint=f"run {', or '.join(ways)}"
    )


def explain_refused_keys(result: CallResult, settings: Settings) -> CallResult:
    """*result* with each of its errors explained."""
    if not result.errors:
        return result
    return result._replace(errors=tuple(explain_refused_key(error, settings) for error in result.errors))
