"""`-o -`: the picture itself on stdout; where stdout fails, the picture is paid for, so it becomes a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from imagecli.domain import Name
from imagecli.env import Env
from imagecli.errors import DiskError
from imagecli.events import Event, Warned
from imagecli.naming import path_for
from imagecli.outcome import Report
from imagecli.report.final import write
from imagecli.store.files import save

Listen = Callable[[Event], None]


def show_picture(data: bytes, format: str, name: Name, report: Report, env: Env, say: Listen) -> Report:
    """Writes *data* to stdout, or to *name*'s path when stdout can't take it all. Returns the report with that said."""
    try:
        write(env, data)
        return report
    except (BrokenPipeError, ValueError):
        path = save(data, path_for(name, format))
        said = Warned(code="stdout_closed", message=f"stdout was closed too early; the picture is saved as {path}")
        say(said)
        return replace(report, remarks=(*report.remarks, said))
    except OSError as error:
        path = save(data, path_for(name, format))
        failure = DiskError(
            f"stdout can't be written: {error.strerror}",
            hint="the picture is whole in that file",
            code="stdout",
            rescued_path=str(path),
        )
        unsaved = tuple(replace(outcome, saved=()) for outcome in report.outcomes)
        return replace(report, outcomes=unsaved, errors=(*report.errors, failure))
