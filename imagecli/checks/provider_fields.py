"""Whether a provider carries each field of a request.

A field that it would ignore is refused, so that no one pays for an image without the mask they drew.
"""

from __future__ import annotations

from collections.abc import Iterator

from imagecli.catalog.model import OPTIONAL
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.model_parameters import flag_for_field
from imagecli.domain import OPERATIONS, Edit, ImageRequest, Operation, Size
from imagecli.errors import UsageError
from imagecli.events import WarningEvent
from imagecli.sizes import find_ratio, reduced_ratio
from imagecli.suggestions import join_alternatives, suggest


def check_capabilities(request: ImageRequest, row: ProviderRow) -> tuple[WarningEvent, ...]:
    """Warnings about fields of *request* whose support is undocumented.

    Raises UsageError for a field that the provider does not support; the hint says what to omit.
    """
    operation = OPERATIONS[type(request)]
    if operation not in row.paths:
        raise UsageError(f"provider {row.name} does not support {operation}", hint=_INSTEAD[operation])
    for name, value in _set_fields(request):
        _check_field(name, value, operation, row)
    _check_seed(request, row)
    _check_ratio(request, row)
    if isinstance(request, Edit):
        _check_mask_and_markup(request, row)
    return tuple(
        _unstated_warning(name, value, operation, row)
        for name, value in _set_fields(request)
        if row.is_unstated(name, operation)
    )


def _unstated_warning(name: str, value: object, operation: Operation, row: ProviderRow) -> WarningEvent:
    problem = f"not documented for {operation} at provider {row.name}; imagecli sends it anyway"
    return WarningEvent(code="unstated", message=f"{flag_for_field(name, value)}: {problem}")


_OTHER_PROVIDER = "choose another provider: imagecli providers"
_INSTEAD = {
    "generations": _OTHER_PROVIDER,
    "edits": _OTHER_PROVIDER,
    "variations": "omit --via to use an edit",
}


def _set_fields(request: ImageRequest) -> Iterator[tuple[str, object]]:
    for name in ("size", "seed", *OPTIONAL):
        if (value := getattr(request.options, name)) is not None:
            yield name, value


def _check_field(name: str, value: object, operation: Operation, row: ProviderRow) -> None:
    flag = flag_for_field(name, value)
    where = f" for {operation}" if f"{operation}.{name}" in row.refused else ""
    if row.refuses(name, operation):
        raise UsageError(f"{flag}: not supported by provider {row.name}{where}", hint=f"omit {flag}", flag=flag)
    allowed = row.allowed_values(name, operation)
    if allowed and value not in allowed:
        near = suggest(str(value), allowed) or join_alternatives(allowed)
        raise UsageError(
            f"{flag} {value}: provider {row.name} accepts {', '.join(allowed)}", hint=f"use {flag} {near}", flag=flag
        )


def _check_seed(request: ImageRequest, row: ProviderRow) -> None:
    seed, operation = request.options.seed, OPERATIONS[type(request)]
    if seed is None or operation in row.seed:
        return
    where = f" for {operation}" if row.seed else ""
    raise UsageError(
        f"--seed: not documented for provider {row.name}{where}",
        hint=f"omit --seed, or send it anyway with --param seed={seed}",
        flag="--seed",
    )


def _check_ratio(request: ImageRequest, row: ProviderRow) -> None:
    size = request.options.size
    if isinstance(size, Size) and row.size_as == "aspect_ratio" and find_ratio(size, row.ratios) is None:
        raise UsageError(
            f"--size: provider {row.name} has no aspect ratio near {reduced_ratio(size)}",
            hint=f"use one of {', '.join(row.ratios)}; for example --size {row.ratios[0]}",
            flag="--size",
        )


def _check_mask_and_markup(request: Edit, row: ProviderRow) -> None:
    flag = "--mask" if request.mask else "--extend"
    hint = f"omit {flag} and describe in the prompt what to change"
    if request.has_mask and row.mask_support == "ignored":
        problem = "ignores it" if request.mask else "ignores masks"
        raise UsageError(f"{flag}: provider {row.name} {problem} and would edit the entire image", hint=hint)
    if request.has_mask and not row.mask:
        raise UsageError(f"{flag}: not supported by provider {row.name}", hint=hint)
    if request.markup and not row.markup:
        raise UsageError(
            f"--markup: not supported by provider {row.name}",
            hint="omit --markup and describe in the prompt what to change",
        )
