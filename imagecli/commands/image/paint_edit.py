"""`edit --paint`: checks everything else, then lets the user paint the mask."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from imagecli.commands.image.context import CommandContext, PaintedMask
from imagecli.commands.image.painted_mask import find_kept_masks, keep_in_state_folder
from imagecli.commands.image.prompt import Prompt
from imagecli.commands.image.run import check_requests
from imagecli.commands.paint_mask import paint_area
from imagecli.domain import Edit, InputSource, MaskSource
from imagecli.errors import UsageError
from imagecli.events import NoteEvent
from imagecli.images.fit_mask import draw_mask
from imagecli.images.fit_overlay import raise_as_mask_error
from imagecli.images.mask_area import drop_faint_alpha, empty_area, mask_pixels
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.mask_shapes import parse_shape
from imagecli.output.terminal import plural, print_note
from imagecli.pipeline.fit_request import read_image_header, read_mask_header
from imagecli.pipeline.resolve_composed import read_if_pipe

_STAND_IN: Final = MaskSource(shapes=(parse_shape("rect", "0,0,100%,100%"),))
"""The mask with which an edit is checked before one is painted."""


def check_can_paint(images: Sequence[InputSource], *, has_markup: bool) -> None:
    """Raises UsageError if a command with --paint edits several images, or has a drawing instead of a mask."""
    if len(images) > 1:
        names = ", ".join(image.label for image in images)
        raise UsageError(
            f"--paint makes the mask of one image, but there are {len(images)}: {names}",
            hint="edit them one by one, or paint masks first: imagecli mask IMAGE --paint",
        )
    if has_markup:
        raise UsageError("--paint can't be used with --markup", hint="omit one of them")


def paint_mask(
    context: CommandContext, prompts: Sequence[Prompt], requests: Sequence[Edit]
) -> tuple[CommandContext, list[Edit]]:
    """*requests*, which edit one image, with the mask that the user paints; and the context that has it.

    The masks of *requests* are what painting starts from. Before the page opens, everything is checked that can be
    refused. If nothing would be sent, nothing is painted. Raises what `run_requests` raises, and MaskError if the page
    is closed.
    """
    image, start = read_if_pipe(requests[0].images[0]), requests[0].mask
    if start and start.file:
        start = start._replace(file=read_if_pipe(start.file))
    requests = [request._replace(images=(image, *request.images[1:])) for request in requests]
    stand_ins = [request._replace(mask=start or _STAND_IN) for request in requests]
    if context.dry_run:
        message = "a dry run opens no paint page; the complete image stands in for the mask"
        note = NoteEvent(code="paint", message=message)
        return (context if start else context._replace(notes=(*context.notes, note))), stand_ins
    if not check_requests(context, prompts, stand_ins):
        return context, stand_ins
    stored_masks = find_kept_masks(context.settings.state_dir)
    if stored_masks and not context.display.quiet:
        message = f"{plural(len(stored_masks), 'mask')} of interrupted edits: imagecli recover saves what was painted"
        print_note(message, context.env)
    header = read_image_header(image)
    area = empty_area(header.size)
    if start:
        with raise_as_mask_error():
            area = draw_mask(start, read_mask_header(start), header.size).area
    painted_area = drop_faint_alpha(paint_area(header, area, context.env))
    mask = encode_with_pillow(mask_pixels(painted_area), "png", compress_level=6)
    source = MaskSource(file=InputSource(name="the painted mask", data=mask))
    painted_mask = keep_in_state_folder(PaintedMask(data=mask, name=f"{image.stem}-mask.png"), context)
    context = context._replace(painted_mask=painted_mask)
    return context, [request._replace(mask=source) for request in requests]
