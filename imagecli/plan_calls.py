"""Splits requests into calls, and chooses the endpoint of a variation. Pure: no disk, no network, no clock."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.model_parameters import needs_alpha
from imagecli.domain import Edit, ImageOptions, ImageRequest, InputFit, InputSource, OutputName, Vary
from imagecli.errors import UsageError
from imagecli.prepared_call import ManifestRef, OutputFile


class PlannedCall(NamedTuple):
    """One call of a plan: at most as many images as the model creates in one request, and where they are saved."""

    index: int  # type: ignore[assignment]  # hides tuple.index
    """0-based, in the order of the plan."""
    request: ImageRequest
    names: tuple[OutputName, ...] = ()
    files: tuple[tuple[OutputFile, ...], ...] = ()
    """As in `PreparedCall`, like the following."""
    replaces: tuple[tuple[Path, str | None], ...] = ()
    part: ManifestRef | None = None
    sidecar: bool = False
    """How each image was made is written beside it."""

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders that its images are saved in."""
        names = [*self.names, *(file.name for files in self.files for file in files)]
        return tuple(dict.fromkeys(name.folder for name in names))


def plan_calls(requests: Sequence[ImageRequest], row: ModelRow) -> tuple[PlannedCall, ...]:
    """The calls for *requests*, split so that none requests more images than the model creates in one request."""
    parts: list[ImageRequest] = []
    for request in requests:
        first = 0
        for n in split_image_count(request.options, row):
            parts.append(request_images(request, first, n))
            first += n
    return tuple(PlannedCall(index=index, request=request) for index, request in enumerate(parts))


def request_images(request: ImageRequest, first: int, n: int) -> ImageRequest:
    """The request for *n* of the images of *request*, from image *first* (0-based).

    Servers give each further image of a request the next seed, so *first* is added to the seed: all images differ.
    """
    options = request.options
    if n == options.n and not first:
        return request
    seed = None if options.seed is None else options.seed + first
    return request._replace(options=options._replace(n=n, seed=seed))


def split_image_count(options: ImageOptions, row: ModelRow) -> tuple[int, ...]:
    """How many images each call with *options* requests."""
    return split_count(options.n, row.most_images(options.output_format))


def split_count(n: int, most: int) -> tuple[int, ...]:
    """*n* as parts of at most *most*: 25 by 10 is 10, 10, 5."""
    full, rest = divmod(n, most)
    return (most,) * full + ((rest,) if rest else ())


def assign_names(calls: Sequence[PlannedCall], names: Sequence[OutputName]) -> tuple[PlannedCall, ...]:
    """*calls* with *names*, assigned in order, one for each image."""
    remaining = iter(names)
    return tuple(call._replace(names=tuple(next(remaining) for _ in range(call.request.options.n))) for call in calls)


def count_images(calls: Sequence[PlannedCall]) -> int:
    """How many images the calls request."""
    return sum(call.request.options.n for call in calls)


class _AsWritten(str):
    """Text that appears in a repr without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def request_hash_for_name(request: ImageRequest, prompt: str | None) -> str:
    """Eight characters for {hash} in names: they depend on prompt, options and inputs, but not on the image count.

    *prompt* is the user's own, None if the catalog's is sent.
    """
    sources = [source.name for source in request.input_sources]
    # Names made by earlier versions contain this hash, so the text keeps the names that the classes had then.
    fields = request.options._asdict()
    del fields["format_of_name"]
    if request.options.seed is None:
        del fields["seed"]
    if svg := request.options.svg:
        fields["svg"] = _AsWritten(f"Svg(model={svg.model!r}, effort={svg.effort!r})")
    options = ", ".join(f"{name}={value!r}" for name, value in {**fields, "n": 1}.items())
    text = repr((type(request).__name__, prompt, _AsWritten(f"Rendering({options})"), sources))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def build_variation(
    image: InputSource,
    prompt: str | None,
    options: ImageOptions,
    input_fit: InputFit,
    *,
    via: str,
    strength: str | None,
    provider: ProviderRow,
    base_url: str,
    row: ModelRow,
    catalog: Catalog,
) -> tuple[Vary | Edit, str]:
    """The request that varies *image*, and a sentence that says which endpoint is used and why.

    The variations endpoint if provider and model have it, and no prompt or strength was given or it accepts one; else
    an edit. Its prompt is the user's, or the catalog's for *strength*. Raises UsageError if no endpoint can do it.
    """
    edit_only = _edit_only_option(prompt, strength)
    edit_prompt = catalog.vary_prompts[strength or "medium"] if prompt is None else prompt
    is_offered = provider.offers("variations", base_url)
    is_supported = is_offered and (provider.any_model_varies or "variations" in row.operations)
    refused_option = None if provider.variations_prompt else edit_only
    if via == "variations" and refused_option:
        message = f"the variations endpoint does not accept a {edit_only}"
        raise UsageError(message, hint=f"omit --via or the {edit_only}")
    if via == "variations" or (via == "auto" and is_supported and not refused_option):
        note = f"using the variations endpoint of {row.name}"
        sent_prompt = edit_prompt if provider.variations_prompt else None
        return Vary(image=image, options=options, prompt=sent_prompt, input_fit=input_fit), note
    edit = Edit(prompt=edit_prompt, images=(image,), options=options, input_fit=input_fit)
    if via == "edits":
        why = "--via edits is set"
    elif is_supported:
        why = f"the variations endpoint does not accept a {edit_only}"
    elif not is_offered:
        why = f"{provider.name} has no variations endpoint"
    elif row.known:
        why = f"{row.name} has no variations endpoint"
    else:
        why = f"imagecli does not know {row.name}; use --via variations for the variations endpoint"
    if "edits" in row.operations and needs_alpha(edit, row):
        omittable = [f"the {edit_only}"] if edit_only else []
        if via == "edits":
            omittable.append("--via")
        raise _needs_mask_error(row, why, omittable if is_supported else [], catalog.default_model)
    return edit, f"using an edit: {why}"


def _edit_only_option(prompt: str | None, strength: str | None) -> Literal["prompt", "strength"] | None:
    """Which of the two was given, which only an edit accepts. Raises UsageError for both."""
    if prompt is not None and strength:
        raise UsageError(
            "--strength and a prompt can't be combined",
            hint="omit one of them; a prompt can describe how much the image may change",
        )
    if strength:
        return "strength"
    return None if prompt is None else "prompt"


def _needs_mask_error(row: ModelRow, why: str, omittable: list[str], model: str) -> UsageError:
    """The model's edits change only transparent areas, and `vary` has no mask. *omittable* forces an edit."""
    hint = f"-m {model} edits the entire image instead"
    if omittable:
        hint = f"omit {' and '.join(omittable)} to use the variations endpoint; or {hint}"
    return UsageError(
        f"{row.name} can't vary this image with an edit ({why}): it edits only transparent areas",
        hint=hint,
    )
