"""`imagecli info`: what an image is, and how it was made."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups


@with_flag_groups
def info(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="images to describe: files, @last or @ID; - reads stdin",
            autocompletion=completers.complete_images,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """Show what an image is and how it was made.

    Format, size, colors, transparency, frames, location data and marks of AI-made images (C2PA, IPTC); and prompt,
    model and cost if a sidecar, the history or a batch journal has them. Changes nothing.

    Examples:
      imagecli info cat.png
      imagecli info *.jpg
      imagecli info cat.png --json | jq -r '.images[].creation.prompt'
      curl -s https://example.com/cat.png | imagecli info -
    """
    from imagecli.commands.info_actions import show_info

    raise typer.Exit(show_info(files, ctx.obj, as_json=as_json))
