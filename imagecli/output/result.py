"""The end of a command: what goes to stdout, and its errors on stderr.

`-o -`: the picture itself on stdout; where stdout fails, the picture is paid for, so it becomes a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.errors import DiskError, ImagecliError, InterruptedCommand, Terminated, UnsavedError, signal_exit_code
from imagecli.output.display import DisplayOptions
from imagecli.output.terminal import printable_path, sanitize, write_line

if TYPE_CHECKING:
    from imagecli.events import EventHandler
    from imagecli.results import CommandResult, StdoutImage


def print_result(report: CommandResult, style: DisplayOptions, env: Env, *, paths: bool = True) -> int:
    """Shows *report*, errors on stderr and data on stdout, and returns the exit code.

    *paths* false: stdout has the picture itself. A dry run's plan is what it was asked for, so it is data.
    """
    print_errors(report.all_errors, style, env)
    _print_bill(report, style, env)
    saved = [image.path for image in report.images if image.path]
    data: list[str] = []
    if style.json:
        from imagecli.output.json_result import result_to_json_line

        data = [style.redact(result_to_json_line(report, plain=env.stdout.isatty()))]
    elif report.planned is not None:
        from imagecli.output.plan import format_dry_run

        data = [style.redact(line) for line in format_dry_run(report, style, env)]
    elif paths:
        data = [printable_path(path, env.stdout) for path in saved]
    elif not style.quiet:
        for path in saved:
            write_line(env.stderr, f"imagecli: note: a further picture is saved as {sanitize(str(path))}")
    if not data:
        return report.exit_code
    try:
        text = "".join(f"{line}\n" for line in data)
        write_to_stdout(
            env, text.encode("utf-8", "surrogateescape"), "the pictures themselves are saved" if saved else None
        )
    except DiskError as error:
        print_error(error, style, env)
        return report.exit_code or error.exit_code
    return report.exit_code


def _print_bill(report: CommandResult, style: DisplayOptions, env: Env) -> None:
    from imagecli.output.plan import format_bill

    if not style.quiet and (line := format_bill(report)):
        write_line(env.stderr, f"imagecli: {sanitize(line)}")


def print_failure(error: ImagecliError, command: str, style: DisplayOptions, env: Env) -> int:
    """Shows a command that ended before anything was sent, and returns its exit code."""
    if not style.json:
        # Nothing was bought, so there is nothing to report of but the error.
        print_errors((error,), style, env)
        return error.exit_code
    from imagecli.results import CommandResult

    signal_code = error.exit_code if isinstance(error, InterruptedCommand) else None
    return print_result(CommandResult(command=command, errors=(error,), signal_code=signal_code), style, env)


def print_errors(errors: Sequence[ImagecliError], style: DisplayOptions, env: Env) -> None:
    """Each of *errors* once; what is said in the same words again is only counted."""
    alike: dict[str, list[ImagecliError]] = {}
    for error in errors:
        alike.setdefault(error.message, []).append(error)
    for error, *others in alike.values():
        print_error(error, style, env)
        if others:
            write_line(env.stderr, f"imagecli: error: the same {len(others)} times more; --json tells of each")
        kept = dict.fromkeys(other.rescued_path for other in others if other.rescued_path != error.rescued_path)
        for path in filter(None, kept):
            write_line(env.stderr, style.redact(f"kept: {sanitize(path)}"))
        if style.debug and error.code == "bug":
            _print_traceback(error, style, env)


def print_error(error: ImagecliError, style: DisplayOptions, env: Env) -> None:
    """What happened, where bytes were kept, and the way out; all of it foreign text made harmless."""
    lines = [sanitize(line) for line in error.lines] + [f"imagecli: error: {sanitize(error.message)}"]
    for title, text in (("kept", error.rescued_path), ("request", error.request_id), ("hint", error.hint)):
        if text:
            lines.append(f"{title}: {sanitize(text)}")
    for line in lines:
        write_line(env.stderr, style.redact(line))


def _print_traceback(error: ImagecliError, style: DisplayOptions, env: Env) -> None:
    import traceback

    for line in "".join(traceback.format_exception(error.__cause__)).splitlines():
        write_line(env.stderr, style.redact(sanitize(line)))


def write_to_stdout(env: Env, data: bytes, hint: str | None = None) -> None:
    """Writes *data* to stdout. A reader that went away is no failure; a full disk behind it is a DiskError.

    *hint* says what is not lost with it.
    """
    try:
        write_stdout_buffer(env, data)
    except (BrokenPipeError, ValueError):
        return
    except OSError as error:
        raise DiskError(f"stdout can't be written: {error.strerror}", hint=hint, code="stdout") from error


def write_stdout_buffer(env: Env, data: bytes) -> None:
    """Writes *data* to stdout's buffer, all of it."""
    env.stdout.flush()
    env.stdout.buffer.write(data)
    env.stdout.buffer.flush()


_PIECE_BYTES = 256 * 1024


def write_image_to_stdout(parcel: StdoutImage, report: CommandResult, env: Env, say: EventHandler) -> CommandResult:
    """Writes the picture to stdout, or has it saved where stdout can't take it all. Returns the report with that."""
    from imagecli.events import WarningEvent

    try:
        _write_staged(parcel, env)
    except (BrokenPipeError, ValueError):
        path = parcel.save()
        said = WarningEvent(
            code="stdout_closed", message=f"stdout was closed too early; the picture is saved as {path}"
        )
        say(said)
        return replace(report, notes=(*report.notes, said))
    except (KeyboardInterrupt, Terminated) as signal:
        words = "interrupted while the picture was written to stdout"
        cut = UnsavedError(words, code="interrupted", rescued_path=str(parcel.save()))
        return replace(report, errors=(*report.errors, cut), signal_code=signal_exit_code(signal))
    except OSError as error:
        failure = DiskError(
            f"stdout can't be written: {error.strerror}",
            hint="the picture is whole in that file",
            code="stdout",
            rescued_path=str(parcel.save()),
        )
        unsaved = tuple(replace(outcome, saved=()) for outcome in report.outcomes)
        return replace(report, outcomes=unsaved, errors=(*report.errors, failure))
    parcel.on_written()
    return report


def _write_staged(parcel: StdoutImage, env: Env) -> None:
    env.stdout.flush()
    with parcel.path.open("rb") as file:
        while piece := file.read(_PIECE_BYTES):
            env.stdout.buffer.write(piece)
    env.stdout.buffer.flush()
