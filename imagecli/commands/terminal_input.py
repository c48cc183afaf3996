"""Questions to the user at the terminal, and what is read from stdin."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.errors import UsageError, os_error_reason
from imagecli.output.terminal import sanitize

MAX_CHARACTERS = 20_000
"""Longer than any key: an endless stream is not read to its end."""


def prompt_hidden(question: str, env: Env) -> str:
    """Read a line without echoing it. Raises UsageError if the terminal can't hide it."""
    import getpass
    import warnings

    with warnings.catch_warnings():
        # Python would only warn, and echo the line.
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(question, stream=env.stderr)
        except getpass.GetPassWarning:
            raise UsageError(
                "this terminal can't hide typed input",
                hint="imagecli login - < FILE",
            ) from None
        except EOFError:
            return ""
        except KeyboardInterrupt:
            env.stderr.write("\n")
            raise


def read_line(question: str, env: Env) -> str:
    """Ask for a line of text, and return it without surrounding white space; empty after Ctrl-D. Raises UsageError."""
    env.stderr.write(question)
    env.stderr.flush()
    try:
        line = env.stdin.readline(MAX_CHARACTERS)
    except UnicodeDecodeError as error:
        raise UsageError("the input is not valid text in the encoding of this terminal", hint="use -f FILE") from error
    except KeyboardInterrupt:
        env.stderr.write("\n")
        raise
    if not line.endswith("\n"):
        env.stderr.write("\n")
    return line.strip()


def confirm(question: str, env: Env) -> bool:
    """Whether the user answers yes; Enter alone is no."""
    env.stderr.write(f"{sanitize(question)} [y/N] ")
    env.stderr.flush()
    return env.stdin.readline(80).strip().lower() in ("y", "yes")


def read_stdin(env: Env, content: str, limit: int) -> bytes:
    """All of stdin, which holds the *content* that the user gives as `-`, or one byte more than *limit*.

    Raises UsageError if it is a terminal or can't be read.
    """
    if env.stdin.isatty():
        raise UsageError(f"- reads {content} from stdin, but stdin is a terminal", hint="pipe data into the command")
    try:
        return env.stdin.buffer.read(limit + 1)
    except OSError as error:
        raise UsageError(f"can't read stdin: {os_error_reason(error)}", hint="use a file instead of -") from error


def read_stdin_text(env: Env) -> str:
    """The text on stdin. Raises UsageError if it is not text."""
    try:
        return env.stdin.read(MAX_CHARACTERS)
    except (UnicodeDecodeError, ValueError) as error:
        raise UsageError("stdin is not text, expected a key", hint="pipe only the key into the command") from error
