"""`imagecli mask`: creates the mask of an edit from shapes, colors and other files."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from imagecli.choices import IfExists
from imagecli.commands.flags import DisplayFlags, PreviewFlags, with_flag_groups


@with_flag_groups
def mask(
    ctx: typer.Context,
    image: Annotated[str, typer.Argument(metavar="IMAGE", help="image to create a mask for; - reads stdin")],
    preview_flags: PreviewFlags,
    display_flags: DisplayFlags,
    rect: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H", help="add a rectangle (pixels or percent)", rich_help_panel="Area"),
    ] = None,
    ellipse: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y,W,H", help="add the ellipse inside this rectangle", rich_help_panel="Area"),
    ] = None,
    polygon: Annotated[
        list[str] | None,
        typer.Option(metavar="'X,Y X,Y X,Y'", help="add a polygon with these corners", rich_help_panel="Area"),
    ] = None,
    select_color: Annotated[
        list[str] | None,
        typer.Option(metavar="COLOR", help="add all pixels close to this color ('#0f0')", rich_help_panel="Area"),
    ] = None,
    flood: Annotated[
        list[str] | None,
        typer.Option(metavar="X,Y", help="add the evenly colored area around this point", rich_help_panel="Area"),
    ] = None,
    alpha: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE", help="add the transparent area of FILE, or of the image (self)", rich_help_panel="Area"
        ),
    ] = None,
    from_: Annotated[
        list[str] | None,
        typer.Option("--from", metavar="FILE", help="add the area that another mask marks", rich_help_panel="Area"),
    ] = None,
    invert: Annotated[bool, typer.Option("--invert", help="invert the area so far", rich_help_panel="Area")] = False,
    grow: Annotated[
        list[int] | None,
        typer.Option(
            min=-1000,
            max=1000,
            metavar="PX",
            help="grow the area so far; shrink it if negative",
            rich_help_panel="Area",
        ),
    ] = None,
    feather: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=1000, metavar="PX", help="soften the edge of the area so far over PX", rich_help_panel="Area"
        ),
    ] = None,
    tolerance: Annotated[
        int,
        typer.Option(
            min=0,
            max=255,
            metavar="LEVEL",
            help="color difference for --select-color and --flood (0-255)",
            rich_help_panel="Area",
        ),
    ] = 32,
    white_is: Annotated[
        Literal["edit", "keep"] | None,
        typer.Option(
            metavar="WORD",
            help="meaning of white in --from: edit or keep; ignores its alpha",
            rich_help_panel="Area",
        ),
    ] = None,
    paint: Annotated[
        bool,
        typer.Option(
            "--paint", help="paint the area in the browser, starting from the other options", rich_help_panel="Area"
        ),
    ] = False,
    output: Annotated[
        str | None,
        typer.Option(
            "--output", "-o", metavar="PATH", help="PNG file, folder, template or -  [default: ./{stem}-mask.png]"
        ),
    ] = None,
    if_exists: Annotated[
        IfExists | None,
        typer.Option(
            metavar="ACTION",
            help="existing file: number, skip, overwrite or fail  [default: number; fail for a typed name]",
        ),
    ] = None,
) -> None:
    """Create a mask that marks the area of an image to edit.

    The options under Area apply in the order given, and --paint last. Without any of them, a page for painting opens
    if the command runs on a terminal. Coordinates refer to the image as displayed: from the top left
    corner, in pixels or in percent of its width and height.

    Examples:
      imagecli mask photo.jpg --paint
      imagecli mask photo.jpg --rect 10%,50%,60%,40%
      imagecli mask photo.jpg --ellipse 300,200,400,400 --feather 20
      imagecli mask product.png --flood 0,0 --tolerance 20  # an even background
      imagecli mask photo.jpg --alpha cutout.png --invert  # what rembg kept
      imagecli edit photo.jpg "a red sofa" --mask photo-mask.png
    """
    from imagecli.commands.mask_actions import MaskRequest, create_mask, ordered_steps

    request = MaskRequest(
        image=image,
        steps=tuple(ordered_steps(ctx)),
        tolerance=tolerance,
        white_is=white_is,
        paint=paint,
        output=output,
        if_exists=if_exists,
    )
    create_mask(request, ctx.obj, display_flags, preview_flags)
