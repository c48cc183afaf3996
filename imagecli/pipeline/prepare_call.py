"""The first half of a call: the HTTP request, and the `PreparedCall` by which any process can save its images."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

from imagecli.catalog.provider import ProviderRow
from imagecli.domain import Generate, IfExists, OutputName, Size, Transform
from imagecli.http_message import HttpRequest
from imagecli.pipeline.inputs import FittedInputs
from imagecli.planned_call import PlannedCall
from imagecli.prepared import ManifestRef, OutputFile, PreparedCall
from imagecli.providers.request import build_http_request


class RunContext(NamedTuple):
    """What all calls of a command have in common."""

    run_id: str
    command: str
    provider: ProviderRow
    base_url: str
    if_exists: IfExists | None
    stdout: bool
    keep_partials: bool = False
    allow_outside: bool = False
    """As in `PreparedCall`."""
    query: Mapping[str, str] = MappingProxyType({})
    """The query of every request's URL."""


def prepare_call(call: PlannedCall, inputs: FittedInputs, context: RunContext) -> tuple[PreparedCall, HttpRequest]:
    """What is sent, and all that is needed to save its images later. Sends nothing."""
    http = build_http_request(call.request, inputs.images, context.provider, context.base_url, context.query)
    return build_prepared_call(call, context, inputs.transform), http


def build_prepared_call(call: PlannedCall, context: RunContext, transform: Transform | None = None) -> PreparedCall:
    """All that is needed to save the images of *call*; *transform* is its first input's."""
    request, options = call.request, call.request.options
    return PreparedCall(
        id=f"{context.run_id}-{call.index:04}",
        request=call.index,
        command=context.command,
        provider=context.provider.name,
        base_url=_without_secrets(context.base_url),
        model=options.model,
        n=options.n,
        names=call.names,
        if_exists=context.if_exists,
        stdout=context.stdout,
        prompt=request.prompt,
        output_format=options.output_format,
        size=options.size if isinstance(options.size, Size) else None,
        fit=options.fit,
        keep_partials=context.keep_partials,
        transform=None if isinstance(request, Generate) else transform,
        files=call.files,
        replaces=call.replaces,
        part=call.part,
        allow_outside=context.allow_outside,
    )


def _without_secrets(url: str) -> str:
    """*url* without user and password: results from the base URL's own host are fetched without them, too."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def prepared_to_json(prepared: PreparedCall) -> str:
    """*prepared* as JSON for the spool, with absolute folders: another command may be run elsewhere."""
    return json.dumps(_to_plain(map_folders(prepared, _absolute_folder)))


def _to_plain(value: Any) -> Any:
    """NamedTuples as objects of their fields, paths as text. Sizes too are objects, unlike in `plain_data`."""
    if isinstance(value, Path):
        return str(value)
    if not isinstance(value, tuple):
        return value
    if hasattr(value, "_asdict"):
        return {name: _to_plain(inner) for name, inner in value._asdict().items()}
    return [_to_plain(inner) for inner in value]


def map_folders(prepared: PreparedCall, moved: Callable[[Path], Path]) -> PreparedCall:
    """*prepared* with every folder that it saves in as *moved* returns it."""
    named = with_names(prepared, lambda name: name._replace(folder=moved(name.folder)))
    replaces = tuple((moved(path.parent) / path.name, sha256) for path, sha256 in prepared.replaces)
    return named._replace(replaces=replaces)


def with_names(prepared: PreparedCall, changed: Callable[[OutputName], OutputName]) -> PreparedCall:
    """*prepared* with every name that it saves under as *changed* returns it."""
    return prepared._replace(
        names=tuple(changed(name) for name in prepared.names),
        files=tuple(tuple(file._replace(name=changed(file.name)) for file in files) for files in prepared.files),
    )


def _absolute_folder(folder: Path) -> Path:
    try:
        return folder.absolute()
    except OSError:  # the current folder is gone
        return folder


def prepared_from_json(text: str) -> PreparedCall:
    """The value that `prepared_to_json` wrote."""
    document: dict[str, Any] = json.loads(text)
    transform = document.pop("transform")
    size, fit = document.pop("size"), document.pop("fit")
    names = [_name_from_json(name) for name in document.pop("names")]
    files, part = document.pop("files", ()), document.pop("part", None)
    replaces = document.pop("replaces", ())
    return PreparedCall(
        **document,
        names=tuple(names),
        files=tuple(tuple(_output_file_from_json(file) for file in of_picture) for of_picture in files),
        replaces=tuple((Path(path), sha256) for path, sha256 in replaces),
        part=_manifest_ref_from_json(part) if part else None,
        size=Size(**size) if size else None,
        fit=Size(**fit) if fit else None,
        transform=_transform_from_json(transform) if transform else None,
    )


def _name_from_json(document: dict[str, Any]) -> OutputName:
    return OutputName(**(document | {"folder": Path(document["folder"])}))


def _output_file_from_json(document: dict[str, Any]) -> OutputFile:
    return OutputFile(name=_name_from_json(document["name"]), fit=Size(**document["fit"]) if document["fit"] else None)


def _manifest_ref_from_json(document: dict[str, Any]) -> ManifestRef:
    return ManifestRef(**(document | {"planned": tuple(tuple(paths) for paths in document["planned"])}))


def _transform_from_json(document: dict[str, Any]) -> Transform:
    return Transform(
        upright=Size(**document["upright"]),
        crop=tuple(document["crop"]) if document["crop"] else None,
        pad=tuple(document["pad"]) if document["pad"] else None,
        size=Size(**document["size"]) if document["size"] else None,
    )
