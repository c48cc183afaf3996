"""The end of a command: what goes to stdout, and its errors on stderr.

`-o -`: the picture itself on stdout; where stdout fails, the picture is paid for, so it becomes a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.errors import DiskError, ImagecliError, InterruptedCommand, Terminated, UnsavedError, signal_code
from imagecli.output.display import Style
from imagecli.output.terminal import as_typed, harmless, say

if TYPE_CHECKING:
    from imagecli.events import Listen
    from imagecli.results import Parcel, Report


def show(report: Report, style: Style, env: Env, *, paths: bool = True) -> int:
    """Shows *report*, errors on stderr and data on stdout, and returns the exit code.

    *paths* false: stdout has the picture itself. A dry run's plan is what it was asked for, so it is data.
    """
    show_errors(report.all_errors, style, env)
    _show_bill(report, style, env)
    saved = [image.path for image in report.images if image.path]
    data: list[str] = []
    if style.json:
        from imagecli.output.json_result import as_line

        data = [style.cover(as_line(report, plain=env.stdout.isatty()))]
    elif report.planned is not None:
        from imagecli.output.plan import plan_lines

        data = [style.cover(line) for line in plan_lines(report, style, env)]
    elif paths:
        data = [as_typed(path, env.stdout) for path in saved]
    elif not style.quiet:
        for path in saved:
            say(env.stderr, f"imagecli: note: a further picture is saved as {harmless(str(path))}")
    if not data:
        return report.exit_code
    try:
        text = "".join(f"{line}\n" for line in data)
        put(env, text.encode("utf-8", "surrogateescape"), "the pictures themselves are saved" if saved else None)
    except DiskError as error:
        show_error(error, style, env)
        return report.exit_code or error.exit_code
    return report.exit_code


def _show_bill(report: Report, style: Style, env: Env) -> None:
    from imagecli.output.plan import bill

    if not style.quiet and (line := bill(report)):
        say(env.stderr, f"imagecli: {harmless(line)}")


def show_failure(error: ImagecliError, command: str, style: Style, env: Env) -> int:
    """Shows a command that ended before anything was sent, and returns its exit code."""
    if not style.json:
        # Nothing was bought, so there is nothing to report of but the error.
        show_errors((error,), style, env)
        return error.exit_code
    from imagecli.results import Report

    signal_code = error.exit_code if isinstance(error, InterruptedCommand) else None
    return show(Report(command=command, errors=(error,), signal_code=signal_code), style, env)


def show_errors(errors: Sequence[ImagecliError], style: Style, env: Env) -> None:
    """Each of *errors* once; what is said in the same words again is only counted."""
    alike: dict[str, list[ImagecliError]] = {}
    for error in errors:
        alike.setdefault(error.message, []).append(error)
    for error, *others in alike.values():
        show_error(error, style, env)
        if others:
            say(env.stderr, f"imagecli: error: the same {len(others)} times more; --json tells of each")
        kept = dict.fromkeys(other.rescued_path for other in others if other.rescued_path != error.rescued_path)
        for path in filter(None, kept):
            say(env.stderr, style.cover(f"kept: {harmless(path)}"))
        if style.debug and error.code == "bug":
            _show_trace(error, style, env)


def show_error(error: ImagecliError, style: Style, env: Env) -> None:
    """What happened, where bytes were kept, and the way out; all of it foreign text made harmless."""
    lines = [harmless(line) for line in error.lines] + [f"imagecli: error: {harmless(error.message)}"]
    for title, text in (("kept", error.rescued_path), ("request", error.request_id), ("hint", error.hint)):
        if text:
            lines.append(f"{title}: {harmless(text)}")
    for line in lines:
        say(env.stderr, style.cover(line))


def _show_trace(error: ImagecliError, style: Style, env: Env) -> None:
    import traceback

    for line in "".join(traceback.format_exception(error.__cause__)).splitlines():
        say(env.stderr, style.cover(harmless(line)))


def put(env: Env, data: bytes, hint: str | None = None) -> None:
    """Writes *data* to stdout. A reader that went away is no failure; a full disk behind it is a DiskError.

    *hint* says what is not lost with it.
    """
    try:
        write(env, data)
    except (BrokenPipeError, ValueError):
        return
    except OSError as error:
        raise DiskError(f"stdout can't be written: {error.strerror}", hint=hint, code="stdout") from error


def write(env: Env, data: bytes) -> None:
    """Writes *data* to stdout's buffer, all of it."""
    env.stdout.flush()
    env.stdout.buffer.write(data)
    env.stdout.buffer.flush()


_PIECE_BYTES = 256 * 1024


def show_picture(parcel: Parcel, report: Report, env: Env, say: Listen) -> Report:
    """Writes the picture to stdout, or has it saved where stdout can't take it all. Returns the report with that."""
    from imagecli.events import Warned

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
