"""Prints the result of a command: data, or with `-o -` the image itself, on stdout, and errors on stderr."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.errors import DiskError, ImagecliError, InterruptedCommand, Terminated, UnsavedError, signal_exit_code
from imagecli.output.display_options import DisplayOptions
from imagecli.output.safe_text import printable_path, sanitize, write_line

if TYPE_CHECKING:
    from imagecli.events import EventHandler
    from imagecli.results import CommandResult, StdoutImage


def print_result(report: CommandResult, style: DisplayOptions, env: Env, *, paths: bool = True) -> int:
    """Print *report*, errors on stderr and data on stdout, and return the exit code.

    With *paths* false, stdout has the image itself. The plan of a dry run is data.
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
    """Print the error of a command that ended before anything was sent, and return its exit code."""
    if not style.json:
        print_errors((error,), style, env)
        return error.exit_code
    from imagecli.results import CommandResult

    signal_code = error.exit_code if isinstance(error, InterruptedCommand) else None
    return print_result(CommandResult(command=command, errors=(error,), signal_code=signal_code), style, env)


def print_errors(errors: Sequence[ImagecliError], style: DisplayOptions, env: Env) -> None:
    """Print each of *errors* once; those with the same message are only counted."""
    by_message: dict[str, list[ImagecliError]] = {}
    for error in errors:
        by_message.setdefault(error.message, []).append(error)
    for error, *others in by_message.values():
        print_error(error, style, env)
        if others:
            write_line(env.stderr, f"imagecli: error: the same {len(others)} times more; --json tells of each")
        for path in dict.fromkeys(other.rescued_path for other in others):
            if path and path != error.rescued_path:
                write_line(env.stderr, style.redact(f"kept: {sanitize(path)}"))
        if style.debug and error.code == "bug":
            _print_traceback(error, style, env)


def print_error(error: ImagecliError, style: DisplayOptions, env: Env) -> None:
    """Print an error with its rescued file, request id and hint, all of it sanitized."""
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
    """Write *data* to stdout. Ignores a reader that is gone; raises DiskError, with *hint*, if the disk is full."""
    try:
        write_stdout_buffer(env, data)
    except (BrokenPipeError, ValueError):
        return
    except OSError as error:
        raise DiskError(f"stdout can't be written: {error.strerror}", hint=hint, code="stdout") from error


def write_stdout_buffer(env: Env, data: bytes) -> None:
    """Write all of *data* to stdout's buffer."""
    env.stdout.flush()
    env.stdout.buffer.write(data)
    env.stdout.buffer.flush()


_CHUNK_BYTES = 256 * 1024


def write_image_to_stdout(image: StdoutImage, report: CommandResult, env: Env, on_event: EventHandler) -> CommandResult:
    """Write the image to stdout. If that fails, save it to a file: it is paid for. Returns the updated report."""
    from imagecli.events import WarningEvent

    try:
        _write_staged(image, env)
    except (BrokenPipeError, ValueError):
        path = image.save()
        message = f"stdout was closed too early; the picture is saved as {path}"
        warning = WarningEvent(code="stdout_closed", message=message)
        on_event(warning)
        return report._replace(notes=(*report.notes, warning))
    except (KeyboardInterrupt, Terminated) as signal:
        message = "interrupted while the picture was written to stdout"
        unsaved = UnsavedError(message, code="interrupted", rescued_path=str(image.save()))
        return report._replace(errors=(*report.errors, unsaved), signal_code=signal_exit_code(signal))
    except OSError as error:
        failure = DiskError(
            f"stdout can't be written: {error.strerror}",
            hint="the picture is whole in that file",
            code="stdout",
            rescued_path=str(image.save()),
        )
        outcomes = tuple(outcome._replace(saved=()) for outcome in report.outcomes)
        return report._replace(outcomes=outcomes, errors=(*report.errors, failure))
    image.on_written()
    return report


def _write_staged(image: StdoutImage, env: Env) -> None:
    env.stdout.flush()
    with image.path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            env.stdout.buffer.write(chunk)
    env.stdout.buffer.flush()
