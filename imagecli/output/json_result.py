"""The one JSON object of `--json`. Keys are only ever added; unknown costs are null."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from imagecli.domain import Json, SavedImage
from imagecli.env import Env
from imagecli.errors import ImagecliError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.money import Cost
from imagecli.output.terminal import json_line, write_to_stdout
from imagecli.results import CallResult, CommandResult, DryRunRequest, SkippedFile

if TYPE_CHECKING:
    from imagecli.images.describe_image import ImageDescription


def build_envelope(report: CommandResult, row: int | None = None) -> dict[str, Json]:
    """The object, ready for `json.dumps`; *row* is the number of a manifest's row."""
    return {
        "schema": 1,
        "command": report.command,
        "status": report.status,
        "exit_code": report.exit_code,
        "images": [image_to_json(image, row) for image in report.images],
        "partials": [
            {
                "path": str(partial.path.absolute()) if partial.path else None,
                "request": partial.request,
                "partial_image_index": partial.partial_image_index,
            }
            for partial in report.partials
        ],
        "requests": [
            *(_request_to_json(outcome) for outcome in report.outcomes),
            *(_dry_run_request_to_json(request) for request in report.planned or ()),
        ],
        "cost": {**_estimate_to_json(report.cost), "actual_usd": _round_usd(report.cost.actual_usd)},
        "warnings": [note_to_json(remark) for remark in report.notes],
        "errors": [
            *(entry for error in report.errors for entry in _errors_to_json(error, None, row)),
            *(
                entry
                for outcome in report.outcomes
                for error in outcome.errors
                for entry in _errors_to_json(error, outcome.request, row)
            ),
        ],
    }


def result_to_json_line(report: CommandResult, *, plain: bool) -> str:
    """The object on one line; with *plain* in ASCII."""
    return json_line(build_envelope(report), ascii_only=plain)


def print_json_document(
    command: str,
    further: Mapping[str, Json],
    env: Env,
    *,
    exit_code: int = 0,
    errors: Sequence[ImagecliError] = (),
) -> None:
    """Print the one JSON object of a command that creates no images: the common keys, and *further* ones."""
    status = "ok" if exit_code == 0 else "failed"
    document = {
        **build_envelope(CommandResult(command=command, errors=tuple(errors))),
        "status": status,
        "exit_code": exit_code,
        **further,
    }
    line = json_line(document, ascii_only=env.stdout.isatty())
    write_to_stdout(env, f"{line}\n".encode("utf-8", "backslashreplace"))


def note_to_json(remark: NoteEvent | WarningEvent) -> dict[str, Json]:
    """An entry of `warnings`."""
    level = "warning" if isinstance(remark, WarningEvent) else "note"
    return {"code": remark.code, "message": remark.message, "level": level}


def image_to_json(image: SavedImage | SkippedFile, row: int | None = None) -> dict[str, Json]:
    """An entry of `images`."""
    source = image if isinstance(image, SavedImage) else None
    return {
        **image_file_to_json(image.path, image),
        "revised_prompt": source.revised_prompt if source else None,
        "request": source.request if source else None,
        "index": source.index if source else None,
        "row": row,
    }


def image_file_to_json(path: Path | None, image: SavedImage | SkippedFile | ImageDescription) -> dict[str, Json]:
    """What every entry of `images` says of the file at *path*; None is stdin or stdout."""
    return {
        "path": str(path.absolute()) if path else None,
        "bytes": image.bytes,
        "format": image.format,
        "width": image.size.width if image.size else None,
        "height": image.size.height if image.size else None,
        "sha256": image.sha256,
    }


def _request_to_json(outcome: CallResult) -> dict[str, Json]:
    return {
        "request_id": outcome.request_id,
        "provider": outcome.provider,
        "model": outcome.model,
        "status": outcome.status,
        "usage": outcome.usage,
        "svg_usage": outcome.svg_usage,
    }


def _dry_run_request_to_json(request: DryRunRequest) -> dict[str, Json]:
    """As `_request_to_json`, for a request that was not sent: its content and the files it would save."""
    return {
        "request_id": None,
        "provider": request.provider,
        "model": request.model,
        "status": None,
        "usage": None,
        "svg_usage": None,
        "method": request.method,
        "url": request.url,
        "headers": dict(request.headers),
        "body": request.body,
        "files": [
            {"field": file.field, "filename": file.filename, "media_type": file.media_type, "bytes": file.bytes}
            for file in request.files
        ],
        "inputs": list(request.inputs),
        "paths": [str(path.absolute()) for path in request.paths],
        "cost": _estimate_to_json(request.cost),
    }


def _estimate_to_json(cost: Cost) -> dict[str, Json]:
    return {"estimated_usd": _round_usd(cost.low_usd), "estimated_max_usd": _round_usd(cost.high_usd)}


def _round_usd(amount: float | None) -> float | None:
    """To a millionth of a dollar, which removes rounding errors of sums."""
    return None if amount is None else round(amount, 6)


def _errors_to_json(error: ImagecliError, request: int | None, row: int | None) -> Iterator[dict[str, Json]]:
    """*error*, after each of the lines that it sums up."""
    for line in error.lines:
        yield _error_to_json(error, request, row) | {"message": line, "hint": None}
    yield _error_to_json(error, request, row)


def _error_to_json(error: ImagecliError, request: int | None, row: int | None) -> dict[str, Json]:
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "status": error.status,
        "request": request,
        "row": row,
        "rescued_path": error.rescued_path,
    }
