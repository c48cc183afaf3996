"""`imagecli show`: shows images in the terminal."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups


@with_flag_groups
def show(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="images to show; @last or @ID for earlier ones; - reads stdin",
            autocompletion=completers.complete_images,
        ),
    ],
    protocol: Annotated[
        Literal["auto", "kitty", "iterm", "sixel", "blocks"],
        typer.Option(metavar="PROTOCOL", help="kitty, iterm, sixel, blocks or auto"),
    ] = "auto",
    open_images: Annotated[bool, typer.Option("--open", help="open them in the desktop's viewer instead")] = False,
) -> None:
    """Show images in the terminal.

    Examples:
      imagecli show @last  # the image that was created last
      imagecli show *.png  # with numbers and names
      imagecli show cat.png --open
      imagecli show cat.png --protocol sixel > cat.six
    """
    from imagecli.commands.image.input_sources import read_input_source
    from imagecli.commands.image.prompt import check_one_stdin
    from imagecli.commands.show_actions import open_files, show_images

    check_one_stdin(*files)
    sources = [read_input_source(word, ctx.obj) for word in files]
    if open_images:
        open_files(sources, ctx.obj)
    else:
        show_images(sources, protocol, ctx.obj)
