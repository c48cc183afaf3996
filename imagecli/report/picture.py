"""`-o -`: the picture itself on stdout; where stdout fails, the picture is paid for, so it becomes a file."""

from __future__ import annotations

from dataclasses import replace

from imagecli.env import Env
from imagecli.errors import DiskError, Terminated, UnsavedError, signal_code
from imagecli.events import Listen, Warned
from imagecli.outcome import Parcel, Report

_PIECE_BYTES = 256 * 1024


def show_picture(parcel: Parcel, report: Report, env: Env, say: Listen) -> Report:
    """Writes the picture to stdout, or has it saved where stdout can't take it all. Returns the report with that."""
    try:
        _write(parcel, env)
    except (BrokenPipeError, ValueError):
        path = parcel.save()
        said = Warned(code="stdout_closed", message=f"stdout was closed too early; the picture is saved as {path}")
        say(said)
        return replace(report, remarks=(*report.remarks, said))
    except (KeyboardInterrupt, Terminated) as signal:
        words = "interrupted while the picture was written to stdout"
        cut = UnsavedError(words, code="interrupted", rescued_path=str(parcel.save()))
        return replace(report, errors=(*report.errors, cut), signal_code=signal_code(signal))
    except OSError as error:
        failure = DiskError(
            f"stdout can't be written: {error.strerror}",
            hint="the picture is whole in that file",
            code="stdout",
            rescued_path=str(parcel.save()),
        )
        unsaved = tuple(replace(outcome, saved=()) for outcome in report.outcomes)
        return replace(report, outcomes=unsaved, errors=(*report.errors, failure))
    parcel.done()
    return report


def _write(parcel: Parcel, env: Env) -> None:
    env.stdout.flush()
    with parcel.path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            env.stdout.buffer.write(piece)
    env.stdout.buffer.flush()
