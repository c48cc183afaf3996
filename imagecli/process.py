"""This process around `main`: signals, closed streams, and a reader of stdout that went away."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Sequence
from typing import NoReturn

from imagecli.cli import main
from imagecli.env import Env
from imagecli.errors import EXIT_INTERRUPTED, Terminated


def run_to_exit(argv: Sequence[str]) -> NoReturn:
    """Runs the command line and leaves with its exit code."""
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115, PTH123
    signal.signal(signal.SIGTERM, _terminate)
    # Pillow warns of odd inputs on stderr; what matters of them is said by us.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    try:
        code = main(argv, Env.real())
    except KeyboardInterrupt:
        # The second Ctrl-C: whoever presses it wants to be out, not to read on.
        os._exit(EXIT_INTERRUPTED)
    try:
        sys.stdout.flush()
    except OSError:
        # Whoever read stdout is gone. Python would complain once more when it closes the stream at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated
