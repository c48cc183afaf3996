"""The work of `imagecli show`: finds out how the terminal shows images, and writes them to stdout."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import typer

from imagecli.choices import Preview
from imagecli.commands.desktop_viewer import MAX_IMAGES, open_in_viewer
from imagecli.config.sources import read_preview_setting
from imagecli.domain import MAX_IMAGE_BYTES, InputSource
from imagecli.env import Env
from imagecli.errors import InputImageError, UsageError
from imagecli.formats import looks_like_image_name
from imagecli.images.identify import identify_image
from imagecli.output.errors import print_errors
from imagecli.output.preview import draw_images, ended_drawing, open_screen, show_grid
from imagecli.output.terminal import DisplayOptions, write_to_stdout
from imagecli.preview.screen import Screen
from imagecli.storage.read import read_bounded

_PROTOCOLS: Final = "--protocol blocks (or kitty, iterm, sixel)"


def show_images(sources: Sequence[InputSource], protocol: Preview, env: Env) -> None:
    """Write images to stdout as the terminal shows them; an error for each that can't be shown comes after them.

    Raises UsageError if it is not known how to show one, DiskError if the disk is full, and typer.Exit if not all of
    them could be shown.
    """
    screen = _find_screen(protocol, env)
    failures = []
    for drawing in draw_images(sources, show_grid(len(sources), screen), screen):
        if isinstance(drawing, InputImageError):
            failures.append(drawing)
        else:
            with ended_drawing(env.stdout):
                write_to_stdout(env, drawing.encode(env.stdout.encoding or "utf-8"))
    if failures:
        print_errors(failures, DisplayOptions.build(env=env), env)
        raise typer.Exit(failures[0].exit_code)


def _find_screen(protocol: Preview, env: Env) -> Screen:
    if not env.stdout.isatty() and protocol == "auto":
        raise UsageError(
            "can't show images: stdout is not a terminal", hint=f"add {_PROTOCOLS} to write escape sequences anyway"
        )
    if protocol == "auto":
        setting = read_preview_setting(env)
        # It turns off only what is shown after a command.
        protocol = "auto" if setting == "none" else setting
    color = "NO_COLOR" not in env.environ
    screen = open_screen(protocol, env.stdout, env, color=color)
    if screen is None:
        raise UsageError(
            "this terminal is not known to show images" + ("" if color else ", and NO_COLOR is set"),
            hint=f"use {_PROTOCOLS}, or --open",
        )
    return screen


def open_files(sources: Sequence[InputSource], env: Env) -> None:
    """Open images in the desktop's viewer.

    Raises UsageError if that fails or there are too many, InputImageError for a file that is not an image.
    """
    paths = [source.path for source in sources if source.path]
    if len(paths) < len(sources):
        raise UsageError("--open needs files, not stdin", hint="omit --open, or save the image first")
    if len(paths) > MAX_IMAGES:
        raise UsageError(
            f"--open opens at most {MAX_IMAGES} images, not {len(paths):,}",
            hint="name fewer files, or omit --open to show them in the terminal",
        )
    for path in paths:
        data = read_bounded(path, MAX_IMAGE_BYTES)
        # The desktop decides by the extension what to do with a file: it must not run a program.
        if identify_image(data).format is None or not looks_like_image_name(path.name):
            raise InputImageError(f"{path} is not an image file", hint="use an image with its usual extension")
    if reason := open_in_viewer(paths, env):
        raise UsageError(reason, hint="show them in the terminal: omit --open")
