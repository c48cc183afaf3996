"""`imagecli show`: shows images in the terminal."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from imagecli.commands.flags import with_flag_groups


@with_flag_groups
def show(
    ctx: typer.Context,
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="images to show, or @last, @ID")],
    protocol: Annotated[
        Literal["auto", "kitty", "iterm", "sixel", "blocks"],
        typer.Option(metavar="PROTOCOL", help="kitty, iterm, sixel, blocks or auto"),
    ] = "auto",
    open_images: Annotated[bool, typer.Option("--open", help="open them in the desktop's viewer instead")] = False,
) -> None:
    """Show images in the terminal.

    Examples:
      imagecli show @last
      imagecli show *.png  # with numbers and names
      imagecli show cat.png --open
      imagecli show cat.png --protocol sixel > cat.six
    """
    from imagecli.commands.image.input_sources import find_file
    from imagecli.commands.show_actions import open_files, show_files

    paths = [find_file(word, ctx.obj) for word in files]
    if open_images:
        open_files(paths, ctx.obj)
    else:
        show_files(paths, protocol, ctx.obj)
