"""What the user's terminal can show, as far as its environment variables tell.

The terminal is never queried: one that does not answer would delay the command, and a late answer would end up in the
input of the next program.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from imagecli.choices import ImageProtocol

Environ = Mapping[str, str]


class TerminalRow(NamedTuple):
    """A terminal: the variable that identifies it, and what it can show. All of them have 24-bit color."""

    variable: str
    prefix: str = ""
    """The beginning of the variable's value."""
    least: int = 0
    """The lowest version, for a variable whose value is a version number."""
    protocol: ImageProtocol = "blocks"
    links: bool = False
    """It opens OSC 8 links to files."""


TERMINALS: Final = (
    # TERM and TERM_PROGRAM come first: a terminal that is started from another one inherits the rest.
    TerminalRow(variable="TERM", prefix="xterm-kitty", protocol="kitty", links=True),
    TerminalRow(variable="TERM", prefix="xterm-ghostty", protocol="kitty", links=True),
    TerminalRow(variable="TERM", prefix="foot", protocol="sixel", links=True),
    TerminalRow(variable="TERM", prefix="contour", protocol="sixel", links=True),
    TerminalRow(variable="TERM", prefix="alacritty", links=True),
    TerminalRow(variable="TERM_PROGRAM", prefix="ghostty", protocol="kitty", links=True),
    TerminalRow(variable="TERM_PROGRAM", prefix="iTerm.app", protocol="iterm", links=True),
    TerminalRow(variable="TERM_PROGRAM", prefix="WezTerm", protocol="iterm", links=True),
    # Shows images only if terminal.integrated.enableImages is set, which no variable tells.
    TerminalRow(variable="TERM_PROGRAM", prefix="vscode", links=True),
    TerminalRow(variable="MLTERM", protocol="sixel"),
    TerminalRow(variable="KONSOLE_VERSION", least=220400, protocol="sixel"),
    TerminalRow(variable="KONSOLE_VERSION"),
    TerminalRow(variable="VTE_VERSION", least=5000, links=True),
    TerminalRow(variable="KITTY_WINDOW_ID", protocol="kitty", links=True),
    TerminalRow(variable="WT_SESSION", protocol="sixel", links=True),
    # iTerm2 sets it so that ssh passes it on.
    TerminalRow(variable="LC_TERMINAL", prefix="iTerm2", protocol="iterm", links=True),
)
"""The first row that matches is the terminal. Source: the documentation of each terminal."""

_MULTIPLEXERS: Final = ("TMUX", "STY", "ZELLIJ")
_MULTIPLEXER_TERMS: Final = ("screen", "tmux")
_NO_COLOR_TERMS: Final = ("dumb", "unknown", "vt", "ansi")


def choose_protocol(environ: Environ, *, color: bool) -> ImageProtocol | None:
    """The protocol that the terminal is known to understand; None without *color* if only blocks are left.

    A multiplexer passes none of the others on, although the variables of the terminal around it are visible inside.
    """
    row = None if is_multiplexed(environ) else find_terminal(environ)
    protocol = row.protocol if row else "blocks"
    return protocol if protocol != "blocks" or (color and has_colors(environ)) else None


def find_terminal(environ: Environ) -> TerminalRow | None:
    """The row of the terminal; None if no variable identifies it."""
    return next((row for row in TERMINALS if _matches(row, environ.get(row.variable))), None)


def is_multiplexed(environ: Environ) -> bool:
    """Whether tmux, screen or zellij is between the command and the terminal."""
    return any(name in environ for name in _MULTIPLEXERS) or environ.get("TERM", "").startswith(_MULTIPLEXER_TERMS)


def has_colors(environ: Environ) -> bool:
    """Whether the terminal has at least 256 colors."""
    return find_terminal(environ) is not None or not environ.get("TERM", "dumb").startswith(_NO_COLOR_TERMS)


def has_true_color(environ: Environ) -> bool:
    """Whether the terminal has 24-bit color; otherwise 256 colors are used."""
    term = environ.get("TERM", "")
    if "TMUX" in environ or "ZELLIJ" in environ or term.startswith("tmux"):
        return True  # they convert it for the terminal around them
    if is_multiplexed(environ):
        return False
    is_stated = environ.get("COLORTERM") in ("truecolor", "24bit") or term.endswith("-direct")
    return is_stated or find_terminal(environ) is not None


def opens_file_links(environ: Environ) -> bool:
    """Whether the terminal is known to open OSC 8 links to files of this machine."""
    is_remote = "SSH_CONNECTION" in environ or "WSL_DISTRO_NAME" in environ
    row = find_terminal(environ)
    return row is not None and row.links and not is_remote and not is_multiplexed(environ)


def _matches(row: TerminalRow, value: str | None) -> bool:
    if value is None or not value.startswith(row.prefix):
        return False
    return not row.least or (value.isdecimal() and int(value) >= row.least)
