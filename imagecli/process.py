"""This process around `main`: signals, closed streams, and a reader of stdout that went away."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NoReturn, TextIO

from imagecli.env import Env
from imagecli.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated

UNCOLLECTED = 100_000
"""Objects made until garbage is looked for, while a command starts. All it loads is half of that, and stays."""


def run_to_exit(argv: Sequence[str]) -> NoReturn:
    """Runs the command line and leaves with its exit code."""
    begun = _postpone_garbage_collection()
    from imagecli.cli import main

    has_stdout = sys.stdout is not None
    for name in ("stdin", "stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "r" if name == "stdin" else "w"))  # noqa: SIM115, PTH123
    signal.signal(signal.SIGTERM, _terminate)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # not under nohup
        signal.signal(signal.SIGHUP, _hang_up)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupt)
    # Pillow warns of odd inputs on stderr; what matters of them is said by us.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    code = main(argv, Env.real(has_stdout=has_stdout, begun=begun))
    if code in (EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED):
        # Threads may be at work, and stdout's reader may never read: nothing is waited for any more.
        os._exit(code)
    for stream in (sys.stdout, sys.stderr):
        _discard_stream(stream)
    sys.exit(code)


def _discard_stream(stream: TextIO) -> None:
    """Where its reader is gone or its disk full Python would complain once more, and exit with 120."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _postpone_garbage_collection() -> Callable[[], None]:
    """Looks for no garbage among what is loaded, a fifteenth of the time that it takes; what it returns ends that."""
    usual = gc.get_threshold()
    gc.set_threshold(UNCOLLECTED)

    def begun() -> None:
        gc.freeze()
        gc.set_threshold(*usual)

    return begun


def _interrupt(number: int, frame: object) -> NoReturn:
    """The first Ctrl-C ends the work and says what is saved; the second one just ends."""
    signal.signal(signal.SIGINT, _exit_at_once)
    raise KeyboardInterrupt


def _exit_at_once(number: int, frame: object) -> NoReturn:
    os._exit(EXIT_INTERRUPTED)


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated(EXIT_TERMINATED)


def _hang_up(number: int, frame: object) -> NoReturn:
    """The terminal was closed. The system says so, and often the shell once more."""
    signal.signal(number, signal.SIG_IGN)
    raise Terminated(EXIT_HUNG_UP)
