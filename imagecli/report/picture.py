"""`-o -`: the picture itself on stdout; where stdout fails, the picture is paid for, so it becomes a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imagecli.env import Env
from imagecli.errors import DiskError, Terminated, UnsavedError, signal_code
from imagecli.events import Listen, Warned
from imagecli.outcome import Report
from imagecli.report.final import write
from imagecli.store.files import rescue, save


def show_picture(data: bytes, path: Path, rescue_folder: Path, report: Report, env: Env, say: Listen) -> Report:
    """Writes *data* to stdout, or to *path* when stdout can't take it all. Returns the report with that said."""
    try:
        write(env, data)
        return report
    except (BrokenPipeError, ValueError):
        path = _saved(data, path, rescue_folder)
        said = Warned(code="stdout_closed", message=f"stdout was closed too early; the picture is saved as {path}")
        say(said)
        return replace(report, remarks=(*report.remarks, said))
    except (KeyboardInterrupt, Terminated) as signal:
        path = _saved(data, path, rescue_folder)
        words = "interrupted while the picture was written to stdout"
        cut = UnsavedError(words, code="interrupted", rescued_path=str(path))
        return replace(report, errors=(*report.errors, cut), signal_code=signal_code(signal))
    except OSError as error:
        path = _saved(data, path, rescue_folder)
        failure = DiskError(
            f"stdout can't be written: {error.strerror}",
            hint="the picture is whole in that file",
            code="stdout",
            rescued_path=str(path),
        )
        unsaved = tuple(replace(outcome, saved=()) for outcome in report.outcomes)
        return replace(report, outcomes=unsaved, errors=(*report.errors, failure))


def _saved(data: bytes, path: Path, rescue_folder: Path) -> Path:
    """Where *data* found a place. Raises DiskError when there is none left on this machine."""
    try:
        return save(data, path)
    except DiskError:
        return rescue(data, path, rescue_folder, damaged=False)
