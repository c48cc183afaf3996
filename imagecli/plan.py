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
from imagecli.checks.parameters import inputs_of, needs_alpha
from imagecli.domain import Ask, Edit, Framing, Name, Rendering, Source, Vary
from imagecli.errors import UsageError
from imagecli.prepared import Destination, Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request of a plan: at most as many pictures as the model makes at once, and where they go."""

    index: int
    """0-based, in the order of the plan."""
    ask: Ask
    names: tuple[Name, ...] = ()
    files: tuple[tuple[Destination, ...], ...] = ()
    """As in `Prepared`, with what follows."""
    replaces: tuple[tuple[Path, str | None], ...] = ()
    part: Part | None = None

    @property
    def folders(self) -> tuple[Path, ...]:
        """All that its pictures are saved to."""
        names = [*self.names, *(file.name for files in self.files for file in files)]
        return tuple(dict.fromkeys(name.folder for name in names))


def plan(asks: Sequence[Ask], row: ModelRow) -> tuple[Request, ...]:
    """The requests for *asks*, each split so that none asks for more pictures than *row* makes at once."""
    pieces = [replace(ask, rendering=replace(ask.rendering, n=n)) for ask in asks for n in parts(ask.rendering, row)]
    return tuple(Request(index=index, ask=ask) for index, ask in enumerate(pieces))


def parts(look: Rendering, row: ModelRow) -> tuple[int, ...]:
    """How many pictures each request for *look* asks for."""
    return split(look.n, row.most(look.output_format))


def split(n: int, most: int) -> tuple[int, ...]:
    """*n* pictures as parts of at most *most*: 25 by 10 is 10, 10, 5."""
    full, rest = divmod(n, most)
    return (most,) * full + ((rest,) if rest else ())


def named(requests: Sequence[Request], names: Sequence[Name]) -> tuple[Request, ...]:
    """*requests* with *names* handed out in order, one a picture."""
    left = iter(names)
    return tuple(
        replace(request, names=tuple(next(left) for _ in range(request.ask.rendering.n))) for request in requests
    )


def pictures(requests: Sequence[Request]) -> int:
    """How many pictures the requests ask for."""
    return sum(request.ask.rendering.n for request in requests)


def identity(ask: Ask, prompt: str | None) -> str:
    """Eight characters that stand for *ask* in names: another prompt, setting or input makes others, a count does not.

    *prompt* is the user's own, None where the catalogue's is sent.
    """
    sources = [source.name for source in inputs_of(ask)]
    text = repr((type(ask).__name__, prompt, replace(ask.rendering, n=1), sources))
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()[:8]


def vary(
    image: Source,
    prompt: str | None,
    rendering: Rendering,
    framing: Framing,
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
    words = _words(prompt, strength)
    own = catalog.vary_prompts[strength or "medium"] if prompt is None else prompt
    offered = provider.offers("variations", base_url)
    has = offered and (provider.any_model_varies or "variations" in row.operations)
    refused = None if provider.variations_prompt else words
    if via == "variations" and refused:
        raise UsageError(f"the variations endpoint takes no {words}", hint=f"leave --via or the {words} out")
    if via == "variations" or (via == "auto" and has and not refused):
        said = f"{row.name} varies it by the variations endpoint"
        wanted = own if provider.variations_prompt else None
        return Vary(image=image, rendering=rendering, prompt=wanted, framing=framing), said
    edit = Edit(prompt=own, images=(image,), rendering=rendering, framing=framing)
    if via == "edits":
        why = "--via edits"
    elif has:
        why = f"the variations endpoint takes no {words}"
    else:
        why = "the variations endpoint does not take it" if offered else f"{provider.name} has no variations endpoint"
    if "edits" in row.operations and needs_alpha(edit, row):
        leave = [f"the {words}"] * bool(words) + ["--via"] * (via == "edits")
        raise _changes_only_holes(row, why, leave if has else [], catalog.default_model)
    return edit, f"{row.name} varies it by an edit: {why}"


def _words(prompt: str | None, strength: str | None) -> Literal["prompt", "strength"] | None:
    """Which of the two was given, that only an edit can take. Raises UsageError for both."""
    if prompt is not None and strength:
        raise UsageError(
            "--strength chooses words of imagecli's own, and a prompt is given",
            hint="leave one of them out; a prompt can say itself how far the picture may change",
        )
    if strength:
        return "strength"
    return None if prompt is None else "prompt"


def _changes_only_holes(row: ModelRow, why: str, leave: list[str], model: str) -> UsageError:
    """An edit that changes only what is transparent varies nothing; and a mask is `edit`'s, not `vary`'s."""
    other = f"-m {model} varies by an edit of the whole picture"
    return UsageError(
        f"{row.name} can't vary it by an edit ({why}): its edits change only what is transparent",
        hint=f"leave {' and '.join(leave)} out, and it goes to the variations endpoint; {other}" if leave else other,
    )
