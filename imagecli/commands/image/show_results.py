"""Shows what a command saved: on the terminal, and in the desktop's viewer with --open."""

from __future__ import annotations

from pathlib import Path

from imagecli.commands.image.context import CommandContext
from imagecli.errors import Terminated, signal_exit_code
from imagecli.output.terminal import print_note
from imagecli.results import CommandResult


def show_results(result: CommandResult, context: CommandContext) -> CommandResult:
    """Shows the images of *result*, and returns it, with the signal that interrupted this. A failure is only a note."""
    paths = [image.path for image in result.saved if image.path]
    if result.signal_code or not paths:
        return result
    try:
        _show_paths(paths, context)
    except (KeyboardInterrupt, Terminated) as signal:
        return result._replace(signal_code=signal_exit_code(signal))
    except Exception as error:
        # Whatever it is, the images are saved, and their paths have to be printed.
        print_note(f"no preview: {error}", context.env)
    return result


def _show_paths(paths: list[Path], context: CommandContext) -> None:
    if context.display.preview != "none":
        from imagecli.output.preview import print_previews

        print_previews(paths, context.env, context.display)
    if context.open_images:
        from imagecli.commands.desktop_viewer import open_in_viewer

        if reason := open_in_viewer(paths, context.env):
            print_note(reason, context.env)
