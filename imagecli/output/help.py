"""Prints help and topics: as they are in a pipe, rendered and paged on a terminal."""

from __future__ import annotations

import shutil
from io import StringIO

from imagecli.env import Env
from imagecli.output.terminal import write_to_stdout

_WIDEST = 100
"""Columns. Longer lines of text are hard to read."""


def print_help(page: str | None, topic: str | None, env: Env) -> None:
    """Print a command's help *page*, then a *topic* in Markdown; either may be None."""
    parts = [page] if page else []
    if topic:
        parts.append(_render_markdown(topic, env) if env.stdout.isatty() else topic)
    text = "\n\n".join(part.rstrip("\n") for part in parts) + "\n"
    if env.stdout.isatty() and env.stdin.isatty() and text.count("\n") >= shutil.get_terminal_size().lines:
        # The user's own pager, from PAGER; help must not depend on one.
        import os
        import pydoc

        if "LESS" not in env.environ:
            # Before Python 3.13, less would show the codes of bold text as ESC[1m.
            os.putenv("LESS", "-R")
        pydoc.pager(text)
        return
    write_to_stdout(env, text.encode())


def _render_markdown(text: str, env: Env) -> str:
    from rich.console import Console
    from rich.markdown import Markdown

    page = StringIO()
    console = Console(
        file=page,
        width=min(shutil.get_terminal_size().columns, _WIDEST),
        force_terminal=env.environ.get("TERM") != "dumb",
        no_color="NO_COLOR" in env.environ,
    )
    console.print(Markdown(text))
    return page.getvalue()
