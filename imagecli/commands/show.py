"""`imagecli show`: shows images in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from imagecli.commands.flags import with_flag_groups


@with_flag_groups
def show(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="images to show")],
    protocol: Annotated[
        Literal["auto", "kitty", "iterm", "sixel", "blocks"],
        typer.Option(metavar="PROTOCOL", help="kitty, iterm, sixel, blocks or auto"),
    ] = "auto",
    open_images: Annotated[bool, typer.Option("--open", help="open them in the desktop's viewer instead")] = False,
) -> None:
    """Show images in the terminal.

    Examples:
      imagecli show cat.png
      imagecli show *.png  # with numbers and names
      imagecli show cat.png --open
      imagecli show cat.png --protocol sixel > cat.six
    """
    from imagecli.commands.show_actions import open_files, show_files

    paths = [Path(ctx.obj.expand_home(str(path))) for path in files]
    if open_images:
        open_files(paths, ctx.obj)
    else:
        show_files(paths, protocol, ctx.obj)
