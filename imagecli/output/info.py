"""Prints what an image is and how it was made: for people, as `key: value` lines in a pipe, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from imagecli.creation_record import CreationRecord, record_to_json
from imagecli.env import Env, format_time
from imagecli.output.terminal import output_width, plural, printable_path, sanitize, wrap_text, write_to_stdout
from imagecli.request_options import describe_options

if TYPE_CHECKING:
    from imagecli.domain import Json
    from imagecli.errors import ImagecliError
    from imagecli.events import WarningEvent
    from imagecli.images.describe_image import ImageDescription


class FoundRecord(NamedTuple):
    """How an image was made, and what says so."""

    record: CreationRecord
    place: Literal["sidecar", "history", "journal"]
    source: str
    """The path of the sidecar or journal; the ID in the history."""
    item: str | None = None
    """The row of a manifest."""


class DescribedFile(NamedTuple):
    """One file of `imagecli info`."""

    name: str
    """As the user typed it."""
    path: Path | None
    """None for stdin."""
    description: ImageDescription
    record: FoundRecord | None
    other_sidecar: Path | None = None
    """The sidecar beside it, if it describes other bytes."""
    warnings: tuple[WarningEvent, ...] = ()


_MEANINGS: Final = {
    "trainedAlgorithmicMedia": "created by a model",
    "compositeWithTrainedAlgorithmicMedia": "edited by a model",
    "algorithmicMedia": "created by a program without a trained model",
    "digitalCapture": "taken with a camera",
    "compositeCapture": "composed of camera images",
    "computationalCapture": "taken with a camera and processed",
    "digitalCreation": "drawn by a person",
    "humanEdits": "edited by a person",
    "screenCapture": "a screenshot",
}
"""IPTC's digital source types: what they mean. Read 2026-11-30."""
_PROMPT_CHARACTERS: Final = 4_000


def print_described_file(file: DescribedFile, env: Env, *, is_first: bool) -> None:
    """Prints one file: on a terminal a heading and aligned lines that fit it, in a pipe `key: value` lines."""
    facts = [(key, sanitize(value, _PROMPT_CHARACTERS)) for key, value in _facts(file, env)]
    name = printable_path(file.path, env.stdout) if file.path else file.name
    if env.stdout.isatty():
        width, indent = output_width(env), max(len(key) for key, _ in facts) + 4
        lines = [name]
        for key, value in facts:
            lines += wrap_text(f"  {key:<{indent - 2}}{value}", width, " " * indent)
    else:
        lines = [f"file: {name}", *(f"{key}: {value}" for key, value in facts)]
        lines.append(f"sha256: {file.description.sha256}")
    text = "".join(f"{line}\n" for line in (lines if is_first else ["", *lines]))
    write_to_stdout(env, text.encode("utf-8", "surrogateescape"))


def _facts(file: DescribedFile, env: Env) -> Iterator[tuple[str, str]]:
    image = file.description
    if image.problem:
        yield "damaged", image.problem
    yield "format", image.format.upper().replace("WEBP", "WebP")
    if image.size:
        yield "size", f"{image.size} pixels"
    yield "bytes", f"{image.bytes:,}"
    if image.color:
        depth = f", {plural(image.bit_depth, 'bit')} per channel" if image.bit_depth else ""
        profile = f"profile {image.color_profile}" if image.color_profile else "no color profile"
        yield "color", f"{image.color}{depth}, {profile}"
    elif image.format != "svg":
        yield "color", "not read; the image has too many pixels to be decoded"
    if image.has_alpha is not None:
        yield "transparency", _describe_transparency(image)
    if image.frames > 1:
        duration = "" if image.duration_ms is None else f", {image.duration_ms / 1000:g} s"
        yield "frames", f"{image.frames:,}{duration}"
    if image.orientation != 1:
        yield "rotation", f"EXIF orientation {image.orientation}; the size is that after rotation"
    if image.active_parts:
        yield "contains", f"{', '.join(image.active_parts)}; check it before you open it in a browser"
    if image.camera.has_location:
        yield "location", "yes; the metadata says where the image was taken"
    if camera := ", ".join(filter(None, (image.camera.camera, image.camera.software, image.camera.taken_at))):
        yield "camera", camera
    yield from _provenance_facts(image)
    yield from _record_facts(file, env)


def _describe_transparency(image: ImageDescription) -> str:
    if not image.has_alpha:
        return "none"
    if image.transparent_share is None:
        return "has an alpha channel, which can't be decoded"
    if not image.transparent_share:
        return "none; it has an alpha channel, but every pixel is opaque"
    percent = 100 * image.transparent_share
    share = f"{percent:.0f}%" if percent >= 1 else "less than 1%"
    return f"{share} of the pixels{' of the first frame' if image.frames > 1 else ''}"


def _provenance_facts(image: ImageDescription) -> Iterator[tuple[str, str]]:
    if image.has_c2pa:
        types = f"; it names {', '.join(map(_explain, image.c2pa_source_types))}" if image.c2pa_source_types else ""
        yield "c2pa", f"has a manifest, which imagecli does not verify{types}"
    else:
        yield "c2pa", "no manifest"
    yield "iptc", _explain(image.source_type) if image.source_type else "no digital source type"


def _explain(source_type: str) -> str:
    meaning = _MEANINGS.get(source_type)
    return f"{source_type} ({meaning})" if meaning else source_type


def _created_text(created: str, env: Env) -> str:
    """The time in a record that anyone may have written."""
    try:
        return format_time(datetime.fromisoformat(created), env.now().tzinfo)
    except (ValueError, OverflowError):
        return created


def _record_facts(file: DescribedFile, env: Env) -> Iterator[tuple[str, str]]:
    if file.other_sidecar:
        yield "sidecar", f"{file.other_sidecar} describes another version of this file"
    if file.record is None:
        yield "made by", "unknown; no sidecar, history entry or batch journal has this file"
        return
    record = file.record.record
    place = f" at {record.provider}" if record.provider else ""
    yield "made by", f"{record.model or 'unknown model'}{place}, imagecli {record.command or '?'}"
    if record.created:
        yield "created", _created_text(record.created, env)
    if record.prompt:
        yield "prompt", record.prompt
    if record.revised_prompt:
        yield "revised", record.revised_prompt
    if record.options:
        yield "options", describe_options(record.options)
    if record.inputs:
        names = (file.name if file.role == "image" else f"{file.name} ({file.role})" for file in record.inputs)
        yield "inputs", ", ".join(names)
    if record.cost_usd is not None:
        from imagecli.money import format_usd

        yield "cost", format_usd(record.cost_usd) if record.cost_usd else "free"
    item = f", row {file.record.item}" if file.record.item else ""
    yield "source", f"{file.record.place} {file.record.source}{item}"


def print_info_json(files: Sequence[DescribedFile], errors: Sequence[ImagecliError], exit_code: int, env: Env) -> None:
    """Prints all files as one object."""
    from imagecli.output.json_result import note_to_json, print_json_document

    entries: list[Json] = [_to_json(file) for file in files]
    remarks = dict.fromkeys(remark for file in files for remark in file.warnings)
    warnings: list[Json] = [note_to_json(remark) for remark in remarks]
    print_json_document("info", {"images": entries, "warnings": warnings}, env, exit_code=exit_code, errors=errors)


def _to_json(file: DescribedFile) -> dict[str, Json]:
    from imagecli.output.json_result import image_file_to_json

    image, match = file.description, file.record
    creation: dict[str, Json] | None = None
    if match:
        creation = {
            **record_to_json(match.record),
            "found_in": match.place,
            "source": match.source,
            "item": match.item,
        }
    return {
        **image_file_to_json(file.path, image),
        "revised_prompt": match.record.revised_prompt if match else None,
        "request": None,
        "index": None,
        "row": None,
        "problem": image.problem,
        "orientation": image.orientation,
        "color": image.color,
        "bit_depth": image.bit_depth,
        "color_profile": image.color_profile,
        "has_alpha": image.has_alpha,
        "transparent_share": None if image.transparent_share is None else round(image.transparent_share, 6),
        "frames": image.frames,
        "duration_ms": image.duration_ms,
        "active_parts": list(image.active_parts),
        "has_location": image.camera.has_location,
        "camera": image.camera.camera,
        "software": image.camera.software,
        "taken": image.camera.taken_at,
        "has_c2pa": image.has_c2pa,
        "c2pa_source_types": list(image.c2pa_source_types),
        "digital_source_type": image.source_type,
        "creation": creation,
        "other_sidecar": str(file.other_sidecar) if file.other_sidecar else None,
    }
