"""How an image was made, as sidecars and `imagecli info --json` have it: no key, no URL, no folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final, NamedTuple, get_args

from imagecli.domain import InputFile, InputRole, Json


class CreationRecord(NamedTuple):
    """The request that created an image. None stands for what is not known. The field names are keys of JSON."""

    command: str | None = None
    provider: str | None = None
    model: str | None = None
    prompt: str | None = None
    """As it was sent."""
    revised_prompt: str | None = None
    options: Mapping[str, Json] = {}
    """The options that were set, by the names of their flags."""
    inputs: tuple[InputFile, ...] = ()
    """Their names are without folders, their paths None."""
    created: str | None = None
    """ISO 8601, UTC: 2026-11-30T04:33:36Z."""
    request_id: str | None = None
    request_images: int | None = None
    """The images that the request created."""
    usage: Mapping[str, Any] | None = None
    """Of the complete request."""
    cost_usd: float | None = None
    """This image's part of the request's cost."""


def record_to_json(record: CreationRecord) -> dict[str, Json]:
    """*record* as an object. Its inputs are named without folders."""
    document: dict[str, Any] = record._asdict()
    inputs: list[Json] = [
        {"role": file.role, "name": _bare_name(file), "sha256": file.sha256 or None} for file in record.inputs
    ]
    return document | {"options": dict(record.options), "inputs": inputs}


def _bare_name(file: InputFile) -> str:
    return (file.path or PurePath(file.name)).name


def record_from_json(document: Mapping[str, Any]) -> CreationRecord:
    """The record in *document*, which anyone may have written: what has another type counts as unknown."""
    values = {name: document[name] for name, kind in _TYPES.items() if type(document.get(name)) in kind}
    inputs = document.get("inputs")
    files = map(_input_from_json, inputs) if isinstance(inputs, list) else ()
    return CreationRecord(**values, inputs=tuple(file for file in files if file))


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    **dict.fromkeys(("command", "provider", "model", "prompt", "revised_prompt", "created", "request_id"), (str,)),
    "options": (dict,),
    "request_images": (int,),
    "usage": (dict,),
    "cost_usd": (int, float),
}


def _input_from_json(document: Any) -> InputFile | None:
    if not isinstance(document, dict) or document.get("role") not in get_args(InputRole):
        return None
    name, sha256 = document.get("name"), document.get("sha256")
    if not isinstance(name, str) or not isinstance(sha256, str | None):
        return None
    return InputFile(role=document["role"], name=name, path=None, sha256=sha256 or "")
