"""The process around `main`: signals, closed standard streams, garbage collection, the exit code."""

from __future__ import annotations

import _thread
import atexit
import gc
import os
import signal
import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Final, NoReturn, TextIO

from imagecli.env import Env
from imagecli.errors import EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED, Terminated, signal_exit_code

OBJECTS_UNTIL_FIRST_COLLECTION = 250_000
"""More than a short command creates: most of what it loads stays in use, so collecting earlier finds nothing."""
OBJECTS_UNTIL_COLLECTION = 10_000
"""Python's own figure is 700."""


def run_to_exit(argv: Sequence[str]) -> NoReturn:
    """Run the command line and exit with its exit code."""
    gc.set_threshold(OBJECTS_UNTIL_FIRST_COLLECTION)
    gc.callbacks.append(_collect_often)
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
    sys.unraisablehook = _repeat_lost_signal
    # Pillow would print warnings about unusual inputs; imagecli reports what matters about them itself.
    warnings.filterwarnings("ignore", module=r"PIL\.")
    code = main(argv, Env.real(has_stdout=has_stdout))
    if code in (EXIT_HUNG_UP, EXIT_INTERRUPTED, EXIT_TERMINATED):
        # Threads may still be running, and stdout's reader may never read: don't wait for them.
        os._exit(code)
    # As Python exits, but without deleting every module and object, which the system frees anyway.
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        _flush_or_discard(stream)
    os._exit(code)


def _collect_often(phase: str, info: dict[str, int]) -> None:
    """At the first collection: from now on garbage may be large, for example images that a traceback references."""
    gc.callbacks.remove(_collect_often)
    gc.set_threshold(OBJECTS_UNTIL_COLLECTION)


def _flush_or_discard(stream: TextIO) -> None:
    """Flush *stream*. If its reader is gone or its disk is full, discard what is left: Python would exit with 120."""
    try:
        stream.flush()
    except OSError:
        with suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _repeat_lost_signal(unraisable: sys.UnraisableHookArgs) -> None:
    """Deliver a signal again whose exception Python dropped, because it arrived inside a destructor or a callback.

    Imports run many such callbacks. Without this the first Ctrl-C could have no effect.
    """
    error = unraisable.exc_value
    if not isinstance(error, (KeyboardInterrupt, Terminated)):
        sys.__unraisablehook__(unraisable)
        return
    number, handler = _HANDLERS[signal_exit_code(error)]
    signal.signal(number, handler)
    # From another thread and a moment later: here, it would be dropped again.
    threading.Timer(0.01, _thread.interrupt_main, (number,)).start()


def _interrupt(number: int, frame: object) -> NoReturn:
    """The first Ctrl-C stops the command and prints what is saved; a second one exits immediately."""
    signal.signal(signal.SIGINT, _exit_immediately)
    raise KeyboardInterrupt


def _exit_immediately(number: int, frame: object) -> NoReturn:
    os._exit(EXIT_INTERRUPTED)


def _terminate(number: int, frame: object) -> NoReturn:
    raise Terminated(EXIT_TERMINATED)


def _hang_up(number: int, frame: object) -> NoReturn:
    """The terminal was closed. The kernel sends the signal, and often the shell sends it again."""
    signal.signal(number, signal.SIG_IGN)
    raise Terminated(EXIT_HUNG_UP)


_HANDLERS: Final = {
    EXIT_INTERRUPTED: (signal.SIGINT, _interrupt),
    EXIT_TERMINATED: (signal.SIGTERM, _terminate),
    EXIT_HUNG_UP: (getattr(signal, "SIGHUP", signal.SIGTERM), _hang_up),
}
"""Exit code → signal and handler."""
