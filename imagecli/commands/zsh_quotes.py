"""Keeps the quotes in the descriptions that zsh completes with.

Typer writes a quote twice, which means one quote only with zsh's option RC_QUOTES; without it both vanish.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout

from imagecli.env import Env


@contextmanager
def keep_zsh_quotes(env: Env) -> Iterator[None]:
    """Rewrites the quotes in what the block prints: single quotes around a command for eval, double ones inside."""
    output = io.StringIO()
    try:
        with redirect_stdout(output):
            yield
    finally:
        env.stdout.write(output.getvalue().replace("''", r"'\''").replace('""', r"\""))
