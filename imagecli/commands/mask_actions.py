"""The work of `imagecli mask`: reads the image, applies the options in their order, and saves the mask."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import typer

from imagecli.choices import IfExists
from imagecli.commands.flags import DisplayFlags, PreviewFlags, build_display_options
from imagecli.commands.image.context import check_stdout
from imagecli.commands.image.input_sources import read_input_source
from imagecli.commands.image.prompt import check_one_stdin
from imagecli.config.sources import read_preview_setting
from imagecli.domain import MAX_IMAGE_BYTES, InputSource, Json, SavedImage, ShapeKind
from imagecli.env import Env
from imagecli.errors import MaskError, OutputError, UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.images import mask_area, mask_reading, mask_selection
from imagecli.images.fit_input import check_input_complete
from imagecli.images.header import ImageHeader
from imagecli.images.integrity import inspect_image
from imagecli.images.mask_area import Area, format_share
from imagecli.images.mask_geometry import extends_outside, pixel_at
from imagecli.images.pillow_io import encode_with_pillow
from imagecli.mask_shapes import parse_point, parse_shape
from imagecli.naming import OutputPattern, parse_output, path_for_format, resolve_names
from imagecli.output.json_result import image_to_json, note_to_json, print_json_document
from imagecli.output.plain_progress import PlainProgress
from imagecli.output.progress import open_progress
from imagecli.output.terminal import DisplayOptions, print_note, printable_link, write_to_stdout
from imagecli.pipeline.fit_request import read_image_header
from imagecli.quoting import shell_quote
from imagecli.storage.atomic_write import save_file
from imagecli.storage.preflight import check_folder, stat_path
from imagecli.storage.read import read_bounded

STEPS: Final = {
    "rect": "--rect",
    "ellipse": "--ellipse",
    "polygon": "--polygon",
    "select_color": "--select-color",
    "flood": "--flood",
    "alpha": "--alpha",
    "from_": "--from",
    "invert": "--invert",
    "grow": "--grow",
    "feather": "--feather",
}
"""Parameter → its option: those whose order counts."""


SHAPES: Final[Mapping[str, ShapeKind]] = {"rect": "rect", "ellipse": "ellipse", "polygon": "polygon"}


class MaskStep(NamedTuple):
    """One option that changes the area, with its value as typed."""

    name: str
    value: Any


class MaskRequest(NamedTuple):
    """What the mask is made of, and where it is saved."""

    image: str
    steps: tuple[MaskStep, ...]
    tolerance: int
    white_is: str | None
    paint: bool
    """The user paints over the area of the steps."""
    output: str | None
    if_exists: IfExists | None


def ordered_steps(ctx: typer.Context) -> Iterator[MaskStep]:
    """The options that change the area, in the order of the command line, which Typer's parameters don't keep."""
    argv: list[str] = list(ctx.obj.argv)
    command: Any = ctx.command
    _, _, parameters = command.make_parser(ctx).parse_args(argv[argv.index("mask") + 1 :])
    values = {
        name: iter(value) for name, value in ctx.params.items() if name in STEPS and isinstance(value, (list, tuple))
    }
    for parameter in parameters:
        if parameter.name in STEPS:
            yield MaskStep(parameter.name, next(values[parameter.name]) if parameter.name in values else True)


class Mask(NamedTuple):
    """A mask in a file."""

    file: SavedImage
    image: ImageHeader | None = None
    """The image that it is for; None if an existing file is kept."""
    area: Area | None = None


def create_mask(request: MaskRequest, env: Env, flags: DisplayFlags, preview_flags: PreviewFlags) -> None:
    """Creates the mask, shows it and prints its path.

    Raises UsageError, MaskError or OutputError; nothing is written then.
    """
    if not request.steps and not request.paint and env.can_ask:
        request = request._replace(paint=True)
    _check_steps(request)
    output = _parse_output(request.output, env, flags)
    display = _display_options(flags, preview_flags, env)
    source = read_input_source(request.image, env)
    name = resolve_names(
        output,
        count=1,
        fields={"stem": source.stem, "slug": "mask"},
        default="{stem}-mask",
        expected_format="png",
        if_exists=request.if_exists,
        look=stat_path,
        taken={},
    )[0]
    # A live line would animate under the lines of --paint for as long as the user paints.
    with open_progress(env, display._replace(live=display.live and not request.paint)) as progress:
        if name.kept:
            progress(NoteEvent(code="kept", message=f"{name.kept} exists and is kept"))
            mask = Mask(_describe_file(name.kept, read_bounded(name.kept, MAX_IMAGE_BYTES)))
        else:
            path = path_for_format(name.name, "png")
            image = _read_image(source)
            area = _build_area(request, image, env, progress)
            if request.paint:
                from imagecli.commands.paint_mask import paint_area

                if output.kind != "stdout":
                    check_folder(path.parent)
                area = paint_area(image, area, env)
            area = mask_area.drop_faint_alpha(area)
            _report_share(mask_area.edited_share(area), progress)
            data = encode_with_pillow(mask_area.mask_pixels(area), "png", compress_level=6)
            if output.kind == "stdout":
                write_to_stdout(env, data)
                return
            check_folder(path.parent)
            path = save_file(data, path, overwrite=request.if_exists == "overwrite")
            mask = Mask(_describe_file(path, data), image, area)
    _show_mask(mask, env, display, open_images=preview_flags.open_images)
    _print_mask(mask, progress, env, display)


def _display_options(flags: DisplayFlags, preview_flags: PreviewFlags, env: Env) -> DisplayOptions:
    display = build_display_options(flags, env)
    if display.json or not display.live:
        return display  # the setting has no effect then
    return display._replace(preview=preview_flags.preview or read_preview_setting(env))


def _check_steps(request: MaskRequest) -> None:
    """Raises UsageError for options that mean nothing, or not what their order suggests."""
    names = [step.name for step in request.steps]
    if not request.paint and not {*names} - {"invert", "grow", "feather"}:
        image = shell_quote(request.image)
        raise UsageError(
            "no area: use at least one of --rect, --ellipse, --polygon, --select-color, --flood, --alpha and --from",
            hint=f"for example: imagecli mask {image} --rect 10%,10%,50%,50%; or --paint; see imagecli help masks",
        )
    if "feather" in names and "grow" in names[names.index("feather") :]:
        raise UsageError("--grow after --feather would remove the soft edge", hint="put --feather after --grow")
    if request.white_is and "from_" not in names:
        raise UsageError("--white-is requires --from", hint="add --from FILE, or omit --white-is")
    files = [step.value for step in request.steps if step.name in ("alpha", "from_")]
    check_one_stdin(request.image, *files)


def _parse_output(text: str | None, env: Env, flags: DisplayFlags) -> OutputPattern:
    output = parse_output(env.expand_home(text) if text is not None else None, look=stat_path)
    if output.kind == "stdout":
        check_stdout(env, flags)
    suffix = Path(output.text).suffix.lower() if output.kind in ("literal", "template") else ""
    if suffix not in ("", ".png", ".{ext}"):
        better = shell_quote(output.text[: -len(suffix)] + ".png")
        raise OutputError(f"-o {output.text}: masks are PNG files", hint=f"-o {better}")
    return output


def _read_image(source: InputSource) -> ImageHeader:
    header = read_image_header(source)
    check_input_complete(header)
    return header


def _build_area(request: MaskRequest, header: ImageHeader, env: Env, progress: PlainProgress) -> Area:
    area = mask_area.empty_area(header.size)
    needs_pixels = {step.name for step in request.steps} & {"select_color", "flood"}
    pixels = mask_reading.read_upright_pixels(header) if needs_pixels else None
    for name, value in request.steps:
        if kind := SHAPES.get(name):
            shape = parse_shape(kind, value, STEPS[name])
            if extends_outside(shape, header.size):
                message = f"{STEPS[name]} {value} extends beyond the image ({header.size}) and is clipped"
                progress(NoteEvent(code="mask_clipped", message=message))
            area = mask_area.draw_shape(area, shape)
        elif name == "select_color":
            assert pixels is not None
            color = mask_selection.parse_color(value)
            area = mask_area.add_area(area, mask_selection.select_color(pixels, color, request.tolerance))
        elif name == "flood":
            assert pixels is not None
            pixel = pixel_at(parse_point(value, "--flood"), header.size)
            if pixel is None:
                raise MaskError(f"--flood {value} is outside {header.name}, which is {header.size}", hint=_INSIDE)
            area = mask_area.add_area(area, mask_selection.flood(pixels, pixel, request.tolerance))
        elif name == "alpha":
            source = header if value == "self" else _read_layer(value, header, env)
            area = mask_area.add_area(area, mask_reading.read_transparent_area(source))
        elif name == "from_":
            area = mask_area.add_area(area, _read_mask(_read_layer(value, header, env), request.white_is, progress))
        elif name == "invert":
            area = mask_area.invert_area(area)
        elif name == "grow":
            area = mask_area.grow_area(area, value)
        else:
            area = mask_area.feather_area(area, value)
    return area


_INSIDE: Final = "coordinates start at 0,0 in the top left corner"


def _read_layer(name: str, header: ImageHeader, env: Env) -> ImageHeader:
    """The file *name*, which must have the size of the image."""
    layer = _read_image(read_input_source(name, env))
    if layer.size != header.size:
        raise MaskError(
            f"{layer.name} is {layer.size}, but {header.name} is {header.size} as displayed",
            hint=f"scale {layer.name} to {header.size} first; edit --mask does it with --mask-fit",
        )
    return layer


def _read_mask(layer: ImageHeader, white_is: str | None, progress: PlainProgress) -> Area:
    if white_is:
        area = mask_reading.read_white_area(layer)
        return area if white_is == "edit" else mask_area.invert_area(area)
    area, by_alpha = mask_reading.read_mask_area(layer)
    if not by_alpha:
        message = f"{layer.name}: {mask_reading.WHITE_IS_EDITED}; --white-is keep swaps them"
        progress(NoteEvent(code="mask_white", message=message))
    return area


def _report_share(share: float, progress: PlainProgress) -> None:
    """Prints which share of the image is edited. Raises MaskError if it is nothing."""
    if not share:
        raise MaskError(
            "the mask allows no edits: its area is empty", hint="check the position, --tolerance and --grow"
        )
    if share == 1:
        message = "the mask covers the complete image: all of it may change"
        progress(WarningEvent(code="mask_full", message=message))
    else:
        progress(NoteEvent(code="mask_coverage", message=f"{format_share(share)} of the image may change"))


def _describe_file(path: Path, data: bytes) -> SavedImage:
    info = inspect_image(data)
    return SavedImage(
        path=path,
        bytes=len(data),
        format=info.format or "png",
        size=info.size,
        sha256=hashlib.sha256(data).hexdigest(),
        revised_prompt=None,
        request=0,
        index=0,
    )


def _show_mask(mask: Mask, env: Env, display: DisplayOptions, *, open_images: bool) -> None:
    """Shows a new mask over its image on the terminal, and opens its file in the desktop's viewer."""
    if mask.image and mask.area and display.preview != "none":
        from imagecli.output.preview import print_mask_preview

        print_mask_preview(mask.image, mask.area, env, display)
    if open_images and mask.file.path:
        from imagecli.commands.desktop_viewer import open_in_viewer

        if reason := open_in_viewer([mask.file.path], env):
            print_note(reason, env)


def _print_mask(mask: Mask, progress: PlainProgress, env: Env, display: DisplayOptions) -> None:
    """Prints the path, or the object of --json."""
    saved = mask.file
    if display.json:
        warnings: list[Json] = [note_to_json(remark) for remark in progress.remarks]
        image: Json = image_to_json(saved) | {"request": None, "index": None}
        coverage = None if mask.area is None else round(mask_area.edited_share(mask.area), 6)
        print_json_document("mask", {"images": [image], "warnings": warnings, "coverage": coverage}, env)
    elif saved.path:
        write_to_stdout(env, f"{printable_link(saved.path, env)}\n".encode("utf-8", "surrogateescape"))
