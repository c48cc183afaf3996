"""How text is printed: display options, sanitized lines, stdout, durations, and tables of the terminal's width."""

from __future__ import annotations

import os
import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, TextIO

from imagecli.choices import Preview
from imagecli.env import Env
from imagecli.errors import DiskError, os_error_reason
from imagecli.quoting import CONTROL_CHARACTERS
from imagecli.quoting import sanitize as sanitize

if TYPE_CHECKING:
    from imagecli.domain import Json, Secret


class DisplayOptions(NamedTuple):
    """How much is printed, and how."""

    json: bool = False
    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    live: bool = False
    """stderr is a terminal that can redraw a line."""
    color: bool = False
    preview: Preview = "none"
    """How images are shown on stderr; none unless it is such a terminal, and stdout has no JSON."""
    secrets: tuple[Secret, ...] = ()
    """The API key and other secrets, which are removed from all output."""

    def redact(self, text: str) -> str:
        """*text* without the secrets, in case a server repeats one."""
        for secret in self.secrets:
            text = secret.redact(text)
        return text

    @classmethod
    def guess_from_argv(cls, argv: Sequence[str], env: Env) -> DisplayOptions:
        """The options of a command line that can't be parsed, guessed to print that error."""
        words = argv[: argv.index("--")] if "--" in argv else argv
        return cls.build(json="--json" in words, debug="--debug" in words, env=env)

    @classmethod
    def build(
        cls,
        *,
        env: Env,
        json: bool = False,
        quiet: bool = False,
        verbose: bool = False,
        debug: bool = False,
        color: str = "auto",
        preview: Preview = "none",
        secrets: tuple[Secret, ...] = (),
    ) -> DisplayOptions:
        """The options for these flags in this environment."""
        live = env.stderr.isatty() and not quiet and env.environ.get("TERM") != "dumb" and "CI" not in env.environ
        return cls(
            json=json,
            quiet=quiet,
            verbose=verbose or debug,
            debug=debug,
            live=live,
            color=_use_color(color, live, env),
            preview=preview if live and not json else "none",
            secrets=secrets,
        )


def _use_color(color: str, live: bool, env: Env) -> bool:
    """By --color, else by NO_COLOR and the terminal."""
    if color != "auto":
        return color == "always"
    return live and "NO_COLOR" not in env.environ


# --- lines of text that can't control the terminal -------------------------------------------------------------------


def json_line(document: Json, *, ascii_only: bool) -> str:
    """*document* as JSON on one line; no character in it controls a terminal or a log, and its value is unchanged."""
    import json

    # Outside strings JSON has ASCII alone, so every match is inside one, where JSON allows an escape.
    return CONTROL_CHARACTERS.sub(_escape_in_json, json.dumps(document, ensure_ascii=ascii_only))


def _escape_in_json(match: re.Match[str]) -> str:
    return f"\\u{ord(match[0]):04x}"


def write_line(stream: TextIO, text: str) -> None:
    """Write *text* and a newline, escaping what the encoding lacks. Ignores a stream that is closed."""
    try:
        encoding = stream.encoding or "utf-8"
        stream.write(text.encode(encoding, "backslashreplace").decode(encoding) + "\n")
        stream.flush()
    except (OSError, ValueError):
        return


def write_to_stdout(env: Env, data: bytes, hint: str | None = None) -> None:
    """Write *data* to stdout. Ignores a reader that is gone; raises DiskError, with *hint*, if the disk is full."""
    try:
        write_stdout_buffer(env, data)
    except (BrokenPipeError, ValueError):
        return
    except OSError as error:
        raise DiskError(f"can't write to stdout: {os_error_reason(error)}", hint=hint, code="stdout") from error


def write_stdout_buffer(env: Env, data: bytes) -> None:
    """Write all of *data* to stdout's buffer."""
    env.stdout.flush()
    env.stdout.buffer.write(data)
    env.stdout.buffer.flush()


def print_lines(lines: Iterable[str], env: Env) -> None:
    """Print *lines* on stdout, unchanged."""
    write_to_stdout(env, "".join(f"{line}\n" for line in lines).encode("utf-8", "backslashreplace"))


def print_note(text: str, env: Env) -> None:
    """Print a note on stderr, in a command without progress events."""
    write_line(env.stderr, f"imagecli: note: {sanitize(text)}")


def print_dim(text: str, display: DisplayOptions, env: Env) -> None:
    """Print a line of less importance on stderr."""
    line = sanitize(text)
    write_line(env.stderr, f"\x1b[2m{line}\x1b[0m" if display.color else line)


def printable_path(path: Path, stream: TextIO) -> str:
    """*path* on one line: sanitized for a terminal, otherwise unchanged except for line ends.

    It never looks like an option, so that it can be passed to another command.
    """
    text = str(path).replace("\n", "\\x0a")
    text = f"./{text}" if text.startswith("-") else text
    return sanitize(text) if stream.isatty() else text


def printable_link(path: Path, env: Env) -> str:
    """`printable_path` for a saved file on stdout; a link to it if stdout is a terminal that is known to open links."""
    text = printable_path(path, env.stdout)
    if not env.stdout.isatty():
        return text
    from imagecli.preview.terminals import opens_file_links

    if not opens_file_links(env.environ):
        return text
    # The URL has every character escaped that could control the terminal.
    return f"\x1b]8;;{path.absolute().as_uri()}\x1b\\{text}\x1b]8;;\x1b\\"


# --- counts and durations as text -------------------------------------------------------------------------------------


def plural(count: int, word: str) -> str:
    """`1 row`, `20 rows`."""
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def format_seconds(seconds: float) -> str:
    """`1 h 04 min`, `2 min 05 s`, `7 s`."""
    rounded = round(seconds)
    hours, minutes = divmod(rounded // 60, 60)
    if hours:
        return f"{hours:,} h {minutes:02} min"
    return f"{minutes} min {rounded % 60:02} s" if minutes else f"{rounded} s"


# --- tables and text in the width of the terminal --------------------------------------------------------------------

PAGE: Final = 79
"""The width if stdout is not a terminal, or a wide one: longer lines are hard to read."""
LEAST: Final = 20


def terminal_columns(env: Env) -> int | None:
    """The width of the terminal on stdout; None if it is not a terminal or its width is unknown."""
    if not env.stdout.isatty():
        return None
    try:
        return os.get_terminal_size(env.stdout.fileno()).columns or None
    except (OSError, ValueError):
        return None


def output_width(env: Env) -> int:
    """The longest line to print: one column stays free, because some terminals wrap there."""
    return max(LEAST, min(PAGE, (terminal_columns(env) or PAGE + 1) - 1))


def format_table(cells: Sequence[tuple[str, ...]], width: int) -> Iterator[str]:
    """The rows of *cells*, the first of which are the titles, in columns; or, if they are too wide, as a list.

    In the list, rows with the same first cell follow each other below it.
    """
    widths = [max(len(row[column]) for row in cells) for column in range(len(cells[0]))]
    lines = ["  ".join(cell.ljust(wide) for cell, wide in zip(row, widths, strict=True)).rstrip() for row in cells]
    if all(len(line) <= width for line in lines):
        yield from lines
        return
    titles = cells[0]
    previous = None
    for name, *values in cells[1:]:
        if name != previous:
            yield name
        previous = name
        for title, value in zip(titles[1:], values, strict=True):
            yield from wrap_text(f"  {title.lower()}: {value}", width, "    ") if value else ()


def wrap_text(text: str, width: int, indent: str = "") -> list[str]:
    """*text* in lines, all but the first after *indent*; URLs and paths are not broken, so they can be copied."""
    return textwrap.wrap(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
