"""Prints errors on stderr, each with its rescued file, request id and hint; with --debug the traceback of a bug."""

from __future__ import annotations

from collections.abc import Sequence

from imagecli.env import Env
from imagecli.errors import ImagecliError
from imagecli.output.terminal import DisplayOptions, sanitize, write_line


def print_errors(errors: Sequence[ImagecliError], display: DisplayOptions, env: Env) -> None:
    """Print each of *errors* once; those with the same message are only counted."""
    by_message: dict[str, list[ImagecliError]] = {}
    for error in errors:
        by_message.setdefault(error.message, []).append(error)
    for error, *repeats in by_message.values():
        print_error(error, display, env)
        if repeats:
            times = "once" if len(repeats) == 1 else f"{len(repeats):,} more times"
            write_line(env.stderr, f"imagecli: error: repeated {times}; use --json to list each")
        for path in dict.fromkeys(repeat.rescued_path for repeat in repeats):
            if path and path != error.rescued_path:
                write_line(env.stderr, display.redact(f"kept: {sanitize(path)}"))
        if display.debug and error.code == "bug":
            _print_traceback(error, display, env)


def print_error(error: ImagecliError, display: DisplayOptions, env: Env) -> None:
    """Print an error with its rescued file, request id and hint, all of it sanitized."""
    lines = [sanitize(line) for line in error.lines] + [f"imagecli: error: {sanitize(error.message)}"]
    for title, text in (("kept", error.rescued_path), ("request", error.request_id), ("hint", error.hint)):
        if text:
            lines.append(f"{title}: {sanitize(text)}")
    for line in lines:
        write_line(env.stderr, display.redact(line))


def _print_traceback(error: ImagecliError, display: DisplayOptions, env: Env) -> None:
    import traceback

    for line in "".join(traceback.format_exception(error.__cause__)).splitlines():
        write_line(env.stderr, display.redact(sanitize(line)))
