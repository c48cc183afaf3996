"""An item of a manifest as a command of its own, to try it with a change."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from imagecli.batch.manifest.item import ManifestItem
from imagecli.checks.model_parameters import input_sources
from imagecli.domain import Edit, Size

_NOT_SETTINGS: Final = frozenset({"command", "n", "fit"})
"""One image is shown, and each of its files has its own fit."""


def build_item_command(item: ManifestItem, fit: Size | None, options: Mapping[str, str]) -> list[str]:
    """The words of a command that creates an image as *item* does, under a new name in the current folder.

    *fit* is that of one of its files; *options* are further ones, each without its dashes, and their values.
    """
    words = ["imagecli", item.command]
    images = [str(source.path) for source in input_sources(item.request) if source.path]
    words += [f"./{path}" if path.startswith("-") else path for path in images[:1]]
    if item.prompt is not None:
        words += [f"--prompt={item.prompt}"] if item.prompt.startswith("-") else [item.prompt]
    for path in images[1:]:
        words += ["--image", path]
    if isinstance(item.request, Edit):
        if item.request.mask and item.request.mask.file and item.request.mask.file.path:
            words += ["--mask", str(item.request.mask.file.path)]
        if item.request.markup and item.request.markup.path:
            words += ["--markup", str(item.request.markup.path)]
    settings = {**options, **{name: value for name, value in item.settings.items() if name not in _NOT_SETTINGS}}
    if fit:
        settings["fit"] = fit
    for name, value in settings.items():
        words += _option(name, value)
    return words


def _option(name: str, value: Any) -> Iterator[str]:
    flag = f"--{name.replace('_', '-')}"
    if value is None or value is False:
        return
    if value is True:
        yield flag
    elif name == "param":
        for key, inner in value:
            yield from (flag, f"{key}={json.dumps(inner, ensure_ascii=False)}")
    elif type(value) is tuple:  # a size is a tuple too, but of a class of its own
        for inner in value:
            yield from (flag, str(inner))
    else:
        yield from (flag, str(value))
