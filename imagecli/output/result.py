"""Prints the result of a command: data, or with `-o -` the image itself, on stdout, and what it cost on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from imagecli.env import Env
from imagecli.errors import (
    DiskError,
    ImagecliError,
    InterruptedCommand,
    Terminated,
    UnsavedError,
    os_error_reason,
    signal_exit_code,
)
from imagecli.output.terminal import DisplayOptions, print_dim, printable_link, sanitize, write_line, write_to_stdout

if TYPE_CHECKING:
    from imagecli.events import EventHandler
    from imagecli.results import CommandResult, StdoutImage


def print_result(result: CommandResult, display: DisplayOptions, env: Env, *, paths: bool = True) -> int:
    """Print *result*, errors on stderr and data on stdout, and return the exit code.

    With *paths* false, stdout has the image itself. The plan of a dry run is data.
    """
    if errors := result.all_errors:
        from imagecli.output.errors import print_errors

        print_errors(errors, display, env)
    _print_bill(result, display, env)
    _print_references(result, display, env)
    saved = [image.path for image in result.images if image.path]
    data: list[str] = []
    if display.json:
        from imagecli.output.json_result import result_to_json_line

        data = [display.redact(result_to_json_line(result, plain=env.stdout.isatty()))]
    elif result.planned is not None:
        from imagecli.output.dry_run import format_dry_run

        data = [display.redact(line) for line in format_dry_run(result, display, env)]
    elif paths:
        data = [printable_link(path, env) for path in saved]
    elif not display.quiet:
        for path in saved:
            write_line(env.stderr, f"imagecli: note: another image is saved as {sanitize(str(path))}")
    if not data:
        return result.exit_code
    try:
        text = "".join(f"{line}\n" for line in data)
        write_to_stdout(env, text.encode("utf-8", "surrogateescape"), "the images are saved" if saved else None)
    except DiskError as error:
        from imagecli.output.errors import print_error

        print_error(error, display, env)
        return result.exit_code or error.exit_code
    return result.exit_code


def _print_bill(result: CommandResult, display: DisplayOptions, env: Env) -> None:
    if not display.quiet and (line := format_bill(result)):
        write_line(env.stderr, f"imagecli: {sanitize(line)}")


def _print_references(result: CommandResult, display: DisplayOptions, env: Env) -> None:
    """On a terminal, how to find the images again."""
    if display.live and not display.json and (ids := result.recorded):
        back = f"@last~{len(ids) - 1} to @last" if len(ids) > 1 else f"@{ids[0]} (@last)"
        print_dim(f"imagecli: recorded as {back}; see imagecli history", display, env)


def format_bill(result: CommandResult) -> str | None:
    """What was billed; None if nothing was, the provider is free, or the price is unknown."""
    # Here, as usage errors are shown without it.
    from imagecli.money import format_price, format_usd

    cost = result.cost
    if cost.is_free or not any(call_result.may_be_billed for call_result in result.outcomes):
        return None
    if all(call_result.is_free for call_result in result.outcomes):
        return "cost: free (sandbox)"
    if cost.actual_usd is not None:
        return f"cost: {format_usd(cost.actual_usd)}"
    if cost.reported_usd is not None:
        return f"cost: {format_usd(cost.reported_usd)} plus {cost.unpriced_note}"
    return f"cost: not reported; {format_price(cost)}" if cost.low_usd is not None else None


def print_failure(error: ImagecliError, command: str, display: DisplayOptions, env: Env) -> int:
    """Print the error of a command that failed before anything was sent, and return its exit code."""
    if not display.json:
        from imagecli.output.errors import print_errors

        print_errors((error,), display, env)
        return error.exit_code
    from imagecli.results import CommandResult

    signal_code = error.exit_code if isinstance(error, InterruptedCommand) else None
    return print_result(CommandResult(command=command, errors=(error,), signal_code=signal_code), display, env)


_CHUNK_BYTES = 256 * 1024


def write_image_to_stdout(image: StdoutImage, result: CommandResult, env: Env, on_event: EventHandler) -> CommandResult:
    """Write the image to stdout. If that fails, save it to a file: it is paid for. Returns the updated result."""
    from imagecli.events import WarningEvent

    try:
        _write_staged(image, env)
    except (BrokenPipeError, ValueError):
        path = image.save()
        message = f"stdout was closed early; the image is saved as {path}"
        warning = WarningEvent(code="stdout_closed", message=message)
        on_event(warning)
        return result._replace(notes=(*result.notes, warning))
    except (KeyboardInterrupt, Terminated) as signal:
        message = "interrupted while writing the image to stdout"
        unsaved = UnsavedError(message, code="interrupted", rescued_path=str(image.save()))
        return result._replace(errors=(*result.errors, unsaved), signal_code=signal_exit_code(signal))
    except OSError as error:
        failure = DiskError(
            f"can't write to stdout: {os_error_reason(error)}",
            hint="that file has the complete image",
            code="stdout",
            rescued_path=str(image.save()),
        )
        outcomes = tuple(outcome._replace(saved=()) for outcome in result.outcomes)
        return result._replace(outcomes=outcomes, errors=(*result.errors, failure))
    image.close()
    return result


def _write_staged(image: StdoutImage, env: Env) -> None:
    env.stdout.flush()
    with image.path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            env.stdout.buffer.write(chunk)
    env.stdout.buffer.flush()
