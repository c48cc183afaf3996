"""An item of a manifest as a command of its own, to try it with a change."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from imagecli.batch.manifest.item import ManifestItem
from imagecli.domain import Edit, Json, Size
from imagecli.request_options import request_options

_OF_COMMAND: Final = ("via", "strength")
"""Settings of a row that are not part of its request."""


def build_item_command(item: ManifestItem, fit: Size | None, options: Mapping[str, Json]) -> list[str]:
    """The words of a command that creates one image as *item* does, under a new name in the current folder.

    *fit* is that of one of its files; *options* are further ones, as `request_options` has them.
    """
    words = ["imagecli", item.command]
    images = [str(source.path) for source in item.request.input_sources if source.path]
    words += [f"./{path}" if path.startswith("-") else path for path in images[:1]]
    if item.prompt is not None:
        words += [f"--prompt={item.prompt}"] if item.prompt.startswith("-") else [item.prompt]
    for path in images[1:]:
        words += ["--image", path]
    if isinstance(item.request, Edit):
        mask = item.request.mask.file if item.request.mask else None
        for flag, file in (("--mask", mask), ("--markup", item.request.markup)):
            words += [flag, str(file.path)] if file and file.path else []
    settings = {
        **options,
        "model": item.model.name if item.model_named else None,
        **{name: item.settings.get(name) for name in _OF_COMMAND},
        **request_options(item.request),
        "fit": str(fit) if fit else None,
        "format_of_name": None,
    }
    return [*words, *(word for name, value in settings.items() for word in _option(name, value))]


def _option(name: str, value: Json) -> Iterator[str]:
    flag = f"--{name.replace('_', '-')}"
    for inner in value if isinstance(value, list) else [value]:
        if inner is True:
            yield flag
        elif inner is not None:
            yield from (flag, str(inner))
