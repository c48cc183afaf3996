"""Does the model take each parameter that was set, and the value it was set to?

How the fields of a request are called at the prompt.

Does what is said of the inputs' framing go together, and does it come to anything?

The pictures of a request, as far as they can be told without opening them.

Do the parts of a request fit each other? Source of the rules: OpenAI API reference, images, read 2026-11-22.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from imagecli.catalog.model import OPTIONAL, ModelRow
from imagecli.domain import Edit, Generate, ImageOptions, ImageRequest, InputSource, SvgOptions, Vary
from imagecli.errors import UsageError
from imagecli.events import WarningEvent
from imagecli.formats import ENDINGS
from imagecli.suggestions import suggest


def flag_for_field(name: str, value: object = None) -> str:
    """The flag that sets the field *name* (to *value*, where it has several)."""
    if name == "svg":
        return "--svg-model" if isinstance(value, SvgOptions) and value.effort is None else "--svg-reasoning-effort"
    return "--" + name.replace("_", "-")


OWN_FIELDS: Final[Mapping[str, str]] = {
    **{name: flag_for_field(name) for name in ("model", "size", *OPTIONAL)},
    "prompt": "PROMPT or --prompt",
    "n": "-n",
    "image": "imagecli edit IMAGE, and --image",
    "image[]": "imagecli edit IMAGE, and --image",
    "images": "imagecli edit IMAGE, and --image",
    "mask": "imagecli edit IMAGE --mask FILE",
    "markup": "imagecli edit IMAGE --markup FILE",
}
"""Fields that --param can't set, and what does: else checks and price would be passed by, or the answer misread."""

LENT: Final = frozenset({"size", *OPTIONAL}) - {"stream", "partial_images"}
"""Those of them that --param may set all the same, where nothing of ours hangs on what they say."""


_AS_EVER = ("center", "none")
"""Of `crop`: the default, and what comes to nothing where no square is wanted."""


def check_framing(ask: ImageRequest, row: ModelRow) -> Iterator[WarningEvent]:
    """A warning for what changes nothing. Raises UsageError for two that exclude each other."""
    if isinstance(ask, Generate):
        return
    crop, pad = f"--crop {ask.input_fit.crop}", ask.input_fit.pad
    is_said = ask.input_fit.crop not in _AS_EVER
    if pad and is_said:
        raise UsageError(f"--pad fills up to the square, and {crop} cuts one out", hint="leave one of them out")
    if (pad or is_said) and not row.image.square:
        said = f"{'--pad' if pad else crop} changes nothing: {row.name} wants no square"
        yield WarningEvent(code="no_effect", message=said)


def input_sources(ask: ImageRequest) -> tuple[InputSource, ...]:
    """The pictures that go up, without the mask."""
    match ask:
        case Edit():
            return ask.images
        case Vary():
            return (ask.image,)
    return ()


def needs_alpha(ask: ImageRequest, row: ModelRow) -> bool:
    """Whether the picture's own transparency has to be the mask: a classic edit without one."""
    return isinstance(ask, Edit) and ask.mask is None and row.edits_need_alpha


def check_input_count(ask: ImageRequest, row: ModelRow) -> None:
    """Raises UsageError for more pictures than one request takes."""
    count = len(input_sources(ask))
    if count > row.max_images:
        taker = row.images_by or row.name
        raise UsageError(f"{count} input pictures; {taker} takes {row.max_images}", hint="leave some --image out")


ONLY_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "output_compression": ("jpeg", "webp"),
    "frame_count": ("gif",),
    "frame_duration_ms": ("gif",),
    "svg": ("svg",),
}
"""Parameter → the formats that it is about."""

WHOLE: Final = ("gif", "svg")
"""Formats that are not streamed, and that nothing else is converted to without loss of what they are for."""


def check_pairs(ask: ImageRequest) -> None:
    """Raises UsageError for two that exclude each other, with the one to change."""
    look = ask.options
    made = look.output_format or "png"
    for name, formats in ONLY_FOR.items():
        value = getattr(look, name)
        if value is not None and made not in formats:
            flag = flag_for_field(name, value)
            raise UsageError(
                f"{flag} is for {' and '.join(formats)}, not for {made}",
                hint=f"add --output-format {formats[-1]}, or save to a name that ends in .{formats[-1]}",
                flag=flag,
            )
    if look.background == "transparent" and made not in ("png", "webp"):
        raise UsageError(f"a transparent background needs png or webp; {made} has none", hint="--output-format png")
    if look.fit and made == "svg":
        raise UsageError(
            "--fit is for pixels; an svg has none", hint="leave --fit out: an svg is sharp at any size", flag="--fit"
        )
    _check_stream(look, made)
    if isinstance(ask, Edit):
        _check_mask(ask, made)
    elif look.input_fidelity is not None:
        raise UsageError("--input-fidelity is for edits", hint="imagecli edit IMAGE --input-fidelity high")


def _check_stream(look: ImageOptions, made: str) -> None:
    if look.stream and made in WHOLE:
        raise UsageError(
            f"--stream: {_with_article(made)} comes whole",
            hint="leave --stream and --partial-images out, or --output-format png",
        )
    if look.partial_images is not None and not look.stream:
        raise UsageError("--partial-images come in a stream", hint="add --stream")


def _check_mask(ask: Edit, made: str) -> None:
    if ask.mask and made == "gif":
        raise UsageError("--mask: a gif is made without one", hint="--output-format png, or leave --mask out")
    if ask.mask and ask.markup:
        raise UsageError("--mask and --markup exclude each other", hint="leave one of them out")


def _with_article(made: str) -> str:
    return f"an {made}" if made == "svg" else f"a {made}"


def check_parameters(ask: ImageRequest, row: ModelRow, others: Iterable[ModelRow]) -> Iterator[WarningEvent]:
    """A warning for each parameter, and each word, of which no document says whether *row* takes it.

    Raises UsageError for one that it does not take and for a value that it does not, with the nearest that it does,
    or one of the *others* that takes it.
    """
    look = ask.options
    if look.n < 1:
        raise UsageError(f"-n {look.n}: at least 1 picture is wanted", hint="-n 1")
    for key, _ in look.params:
        _check_extra_param(key, look, row)
    given = {name: value for name in OPTIONAL if (value := getattr(look, name)) is not None}
    if isinstance(ask, Edit) and ask.markup:
        given["markup"] = ask.markup
    for name, value in given.items():
        _check_parameter(name, value, row, others)
        _check_word(name, value, row, others)
        _check_range(name, value, row)
        word = _word_in(value)
        if not row.surely_takes(name, word):
            said = flag_for_field(name, value) if name in row.unstated else f"{flag_for_field(name, value)} {word}"
            said += f": no document says that {row.name} takes it; it is sent as you asked"
            taker = first_living_model(
                other for other in others if other.surely_takes(name, word) and _model_takes(other, name, word)
            )
            yield WarningEvent(code="unstated", message=f"{said}; -m {taker} takes it" if taker else said)


def _check_extra_param(key: str, look: ImageOptions, row: ModelRow) -> None:
    """A field of --param that has a flag goes only where the row lends it, and in place of the flag."""
    if key not in OWN_FIELDS:
        return
    if not (row.lends_fields and key in LENT):
        raise UsageError(f"--param {key}: imagecli sets that itself", hint=OWN_FIELDS[key])
    if getattr(look, key) is not None:
        raise UsageError(f"--param {key}: {flag_for_field(key)} says it too", hint="leave one of them out")


def _check_parameter(name: str, value: object, row: ModelRow, others: Iterable[ModelRow]) -> None:
    if name in row.parameters:
        return
    flag = flag_for_field(name, value)
    taker = first_living_model(other for other in others if other.surely_takes(name, _word_in(value)))
    hint = f"leave {flag} out, or name another model with -m"
    if name == "response_format":
        hint = "leave --response-format out: this model always answers with base64, and imagecli saves either"
    elif taker:
        hint = f"leave {flag} out; -m {taker} takes it"
    raise UsageError(f"{flag}: {row.name} does not take it", hint=hint, flag=flag)


def _check_word(name: str, value: object, row: ModelRow, others: Iterable[ModelRow]) -> None:
    allowed, word = row.allowed_values(name), _word_in(value)
    if _model_takes(row, name, word):
        return
    flag, near = flag_for_field(name, value), _nearest_word(str(word), allowed)
    taker = first_living_model(
        other for other in others if word in other.allowed_values(name) and other.surely_takes(name, word)
    )
    hint = f"{flag} {near}; -m {taker} takes {word}" if taker else f"{flag} {near}"
    raise UsageError(f"{flag} {word}: {row.name} takes {', '.join(allowed)}", hint=hint, flag=flag)


def _word_in(value: object) -> str | None:
    """The word of a value that may be one of a few; None where it holds none."""
    said = value.effort if isinstance(value, SvgOptions) else value
    return said if isinstance(said, str) else None


def _model_takes(row: ModelRow, name: str, word: str | None) -> bool:
    return word is None or not row.allowed_values(name) or word in row.allowed_values(name)


def _check_range(name: str, value: object, row: ModelRow) -> None:
    if name not in row.ranges or not isinstance(value, int):
        return
    low, high = row.ranges[name]
    if not low <= value <= high:
        flag = flag_for_field(name)
        raise UsageError(
            f"{flag} {value}: {row.name} takes {low:,} to {high:,}",
            hint=f"{flag} {min(max(value, low), high)}",
            flag=flag,
        )


def first_living_model(rows: Iterable[ModelRow]) -> str | None:
    """The first model that goes on living."""
    return next((row.name for row in rows if row.shutdown is None), None)


def _nearest_word(value: str, allowed: tuple[str, ...]) -> str:
    """The word of *allowed* that was meant: `jpeg` for JPG, `high` for hd."""
    word = ENDINGS.get(value.lower(), value.lower())
    if _ALIKE.get(word) in allowed:
        return _ALIKE[word]
    return suggest(word, allowed) or allowed[0]


_ALIKE: Final = {"hd": "high", "standard": "medium", "high": "hd", "medium": "standard", "low": "standard"}
"""Words of some models' quality → those of others."""
