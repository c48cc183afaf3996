"""What was asked → the list of requests that get it. Pure: no disk, no network, no clock."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from imagecli.catalog.catalog import Catalog
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.parameters import input_sources, needs_alpha
from imagecli.domain import Edit, ImageOptions, ImageRequest, InputFit, InputSource, OutputName, Vary
from imagecli.errors import UsageError
from imagecli.prepared import ManifestRef, OutputFile


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """One request of a plan: at most as many pictures as the model makes at once, and where they go."""

    index: int
    """0-based, in the order of the plan."""
    request: ImageRequest
    names: tuple[OutputName, ...] = ()
    files: tuple[tuple[OutputFile, ...], ...] = ()
    """As in `PreparedCall`, with what follows."""
    replaces: tuple[tuple[Path, str | None], ...] = ()
    part: ManifestRef | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that its pictures are saved to."""
        names = [*self.names, *(file.name for files in self.files for file in files)]
        return tuple(dict.fromkeys(name.folder for name in names))


def plan_calls(asks: Sequence[ImageRequest], row: ModelRow) -> tuple[PlannedCall, ...]:
    """The requests for *asks*, each split so that none asks for more pictures than *row* makes at once."""
    pieces = [
        replace(ask, options=replace(ask.options, n=n)) for ask in asks for n in split_image_count(ask.options, row)
    ]
    return tuple(PlannedCall(index=index, request=ask) for index, ask in enumerate(pieces))


def split_image_count(look: ImageOptions, row: ModelRow) -> tuple[int, ...]:
    """How many pictures each request for *look* asks for."""
    return split_count(look.n, row.most_images(look.output_format))


def split_count(n: int, most: int) -> tuple[int, ...]:
    """*n* pictures as parts of at most *most*: 25 by 10 is 10, 10, 5."""
    full, rest = divmod(n, most)
    return (most,) * full + ((rest,) if rest else ())


def assign_names(requests: Sequence[PlannedCall], names: Sequence[OutputName]) -> tuple[PlannedCall, ...]:
    """*requests* with *names* handed out in order, one a picture."""
    left = iter(names)
    return tuple(
        replace(request, names=tuple(next(left) for _ in range(request.request.options.n))) for request in requests
    )


def count_images(requests: Sequence[PlannedCall]) -> int:
    """How many pictures the requests ask for."""
    return sum(request.request.options.n for request in requests)


class _AsWritten(str):
    """Text that stands in a repr without quotes."""

    __slots__ = ()
    __repr__ = str.__str__


def request_hash_for_name(ask: ImageRequest, prompt: str | None) -> str:
    """Eight characters that stand for *ask* in names: another prompt, setting or input makes others, a count does not.

    *prompt* is the user's own, None where the catalogue's is sent.
    """
    sources = [source.name for source in input_sources(ask)]
    # File names made by earlier versions hold this hash, so the text keeps the names that the classes had then.
    known = type(ask.options).__dataclass_fields__
    fields = {name: getattr(ask.options, name) for name, field in known.items() if field.repr}
    if svg := ask.options.svg:
        fields["svg"] = _AsWritten(f"Svg(model={svg.model!r}, effort={svg.effort!r})")
    options = ", ".join(f"{name}={value!r}" for name, value in {**fields, "n": 1}.items())
    text = repr((type(ask).__name__, prompt, _AsWritten(f"Rendering({options})"), sources))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def build_variation(
    image: InputSource,
    prompt: str | None,
    rendering: ImageOptions,
    framing: InputFit,
    *,
    via: str,
    strength: str | None,
    provider: ProviderRow,
    base_url: str,
    row: ModelRow,
    catalog: Catalog,
) -> tuple[Vary | Edit, str]:
    """The request that varies *image*, and a sentence that says which endpoint it goes to and why.

    The variations endpoint where provider and model have it, and no prompt or strength was given or it takes one;
    an edit otherwise. A prompt that is wanted is the user's, or the catalogue's for *strength*. Raises UsageError
    where no endpoint can do what is asked.
    """
    words = _edit_only_option(prompt, strength)
    own = catalog.vary_prompts[strength or "medium"] if prompt is None else prompt
    offered = provider.offers("variations", base_url)
    has = offered and (provider.any_model_varies or "variations" in row.operations)
    refused = None if provider.variations_prompt else words
    if via == "variations" and refused:
        raise UsageError(f"the variations endpoint takes no {words}", hint=f"leave --via or the {words} out")
    if via == "variations" or (via == "auto" and has and not refused):
        said = f"{row.name} varies it by the variations endpoint"
        wanted = own if provider.variations_prompt else None
        return Vary(image=image, options=rendering, prompt=wanted, input_fit=framing), said
    edit = Edit(prompt=own, images=(image,), options=rendering, input_fit=framing)
    if via == "edits":
        why = "--via edits"
    elif has:
        why = f"the variations endpoint takes no {words}"
    else:
        why = "the variations endpoint does not take it" if offered else f"{provider.name} has no variations endpoint"
    if "edits" in row.operations and needs_alpha(edit, row):
        leave = [f"the {words}"] * bool(words) + ["--via"] * (via == "edits")
        raise _needs_mask_error(row, why, leave if has else [], catalog.default_model)
    return edit, f"{row.name} varies it by an edit: {why}"


def _edit_only_option(prompt: str | None, strength: str | None) -> Literal["prompt", "strength"] | None:
    """Which of the two was given, that only an edit can take. Raises UsageError for both."""
    if prompt is not None and strength:
        raise UsageError(
            "--strength chooses words of imagecli's own, and a prompt is given",
            hint="leave one of them out; a prompt can say itself how far the picture may change",
        )
    if strength:
        return "strength"
    return None if prompt is None else "prompt"


def _needs_mask_error(row: ModelRow, why: str, leave: list[str], model: str) -> UsageError:
    """An edit that changes only what is transparent varies nothing; and a mask is `edit`'s, not `build_variation`'s."""
    other = f"-m {model} varies by an edit of the whole picture"
    return UsageError(
        f"{row.name} can't vary it by an edit ({why}): its edits change only what is transparent",
        hint=f"leave {' and '.join(leave)} out, and it goes to the variations endpoint; {other}" if leave else other,
    )
