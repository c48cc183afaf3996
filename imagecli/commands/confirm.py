"""Asks a person at the terminal; where there is none, nothing is asked."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.output.terminal import sanitize

MAX_CHARACTERS = 20_000
"""No key is as long; a stream without end is not read."""


def prompt_hidden(question: str, env: Env) -> str:
    """A line that is typed without being shown. Raises UsageError where it would be."""
    import getpass
    import warnings

    with warnings.catch_warnings():
        # Python would go on, and show what is typed.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(question, stream=env.stderr)
        except getpass.GetPassWarning:
            raise UsageError(
                "this terminal can't hide what is typed",
                hint="imagecli config login - < FILE reads the key from a file",
            ) from None
        except EOFError:
            return ""


def confirm(question: str, env: Env) -> bool:
    """Whether a person says yes; Enter alone is no."""
    env.stderr.write(f"{sanitize(question)} [y/N] ")
    env.stderr.flush()
    return env.stdin.readline(80).strip().lower() in ("y", "yes")


def read_stdin_text(env: Env) -> str:
    """What stdin holds. Raises UsageError where it is no text."""
    try:
        return env.stdin.read(MAX_CHARACTERS)
    except (UnicodeDecodeError, ValueError) as error:
        raise UsageError("stdin holds no text", hint="the key alone, as it was copied") from error
