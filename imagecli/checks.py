"""What can be known before paying: does this request fit its model? Pure; pictures are judged by `pictures`."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from pathlib import Path

from imagecli.catalog import OPTIONAL, ModelRow
from imagecli.domain import OPERATIONS, Ask, Edit, Generate, Rendering, Source, Vary
from imagecli.errors import UsageError
from imagecli.formats import ENDINGS, OTHER_ENDINGS
from imagecli.quoting import quoted

OWN_FIELDS = {
    "prompt": "PROMPT or --prompt",
    "model": "--model",
    "n": "-n",
    "size": "--size",
    "output_format": "--output-format",
    "image": "imagecli edit IMAGE, and --image",
    "image[]": "imagecli edit IMAGE, and --image",
    "mask": "imagecli edit IMAGE --mask FILE",
    "stream": "leave it out: pictures come whole",
}
"""Fields that --param can't set, and what does: their checks would be passed by, or the answer be misread."""


def check(ask: Ask, row: ModelRow) -> None:
    """Returns where *ask* fits *row*. Raises UsageError with what was found, what is taken, and the nearest way."""
    operation = OPERATIONS[type(ask)]
    if row.known and operation not in row.operations:
        others = [word for word, kind in _COMMANDS.items() if kind in row.operations]
        raise UsageError(
            f"{row.name} takes no {operation}", hint=f"it can {' and '.join(others)}; -m names another model"
        )
    if isinstance(ask, (Generate, Edit)):
        _check_prompt_text(ask.prompt, row)
    if isinstance(ask, Edit) and len(ask.images) > row.max_images:
        raise UsageError(
            f"{len(ask.images)} input pictures; {row.name} takes {row.max_images}", hint="leave some --image out"
        )
    _check_rendering(ask.rendering, row)


_COMMANDS = {"generate": "generations", "edit": "edits", "vary": "variations"}


def _check_prompt_text(prompt: str, row: ModelRow) -> None:
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the prompt is not Unicode text (character {error.start + 1})", hint="type it in UTF-8, or -f FILE"
        ) from error
    if not prompt.strip():
        raise UsageError("the prompt is empty", hint='imagecli generate "a white siamese cat"')
    if len(prompt) > row.max_prompt:
        raise UsageError(
            f"the prompt has {len(prompt):,} characters; {row.name} takes {row.max_prompt:,}", hint="shorten it"
        )


def _check_rendering(look: Rendering, row: ModelRow) -> None:
    if look.n < 1:
        raise UsageError(f"-n {look.n}: at least 1 picture is wanted")
    if look.size and (objection := row.sizes.objection(look.size)):
        raise UsageError(
            f"--size {look.size}: {objection} ({row.name})", hint=f"for example {', '.join(row.sizes.examples())}"
        )
    for name in OPTIONAL:
        if (value := getattr(look, name)) is not None:
            _check_optional(name, value, row)
    _check_format_pairs(look)
    for key, _ in look.params:
        if key in OWN_FIELDS:
            raise UsageError(f"--param {key}: imagecli sets that itself", hint=OWN_FIELDS[key])


def _check_optional(name: str, value: object, row: ModelRow) -> None:
    flag = "--" + name.replace("_", "-")
    if name not in row.parameters:
        raise UsageError(
            f"{flag}: {row.name} does not take it",
            hint=_INSTEAD.get(name, f"leave {flag} out, or name another model with -m"),
        )
    allowed = row.allowed(name)
    if allowed and value not in allowed:
        raise UsageError(
            f"{flag} {value}: {row.name} takes {', '.join(allowed)}", hint=f"{flag} {_nearest(str(value), allowed)}"
        )


def _nearest(value: str, allowed: tuple[str, ...]) -> str:
    """The word of *allowed* that was meant: `jpeg` for JPG."""
    word = ENDINGS.get(value.lower(), value.lower())
    return next(iter(difflib.get_close_matches(word, allowed, n=1)), allowed[0])


_INSTEAD = {
    "response_format": "leave --response-format out: this model always answers with base64, and imagecli saves either",
}


def _check_format_pairs(look: Rendering) -> None:
    """OpenAI API reference, images, read 2026-11-22: which formats compress, and which can be transparent."""
    if look.output_compression is not None:
        if not 0 <= look.output_compression <= 100:
            raise UsageError(f"--output-compression {look.output_compression}: it goes from 0 to 100")
        if look.output_format not in ("jpeg", "webp"):
            raise UsageError(
                f"--output-compression is for jpeg and webp, not for {look.output_format or 'png'}",
                hint="add --output-format webp, or save to a name that ends in .webp or .jpg",
            )
    if look.background == "transparent" and look.output_format not in (None, "png", "webp"):
        raise UsageError(
            f"a transparent background needs png or webp; {look.output_format} has none", hint="--output-format png"
        )


def check_prompt_argument(prompt: str, exists: Callable[[Path], bool], image: Source | None = None) -> None:
    """Refuses a PROMPT argument that is a file's name: nobody wants to pay for a picture of "photo.jpg".

    *image* is the picture the command already has. Raises UsageError with the command that was meant. The same words
    by --prompt are never asked about.
    """
    word = prompt.strip()
    if not word or "\n" in word or len(word) > 1000:
        return
    is_picture = ends_like_picture(word)
    is_file = exists(Path(word))
    if not (is_picture or is_file):
        return
    found = f"the prompt {prompt!r} is {'a file' if is_file else 'named like a picture'}, not a description"
    meant = _meant(word, is_picture, image, exists)
    raise UsageError(found, hint=f'{meant}; --prompt "…" sends such words all the same')


def ends_like_picture(word: str) -> bool:
    """Whether it ends as the name of a picture does, of any format."""
    ending = re.search(r"\S\.(\w+)$", word)
    return bool(ending and ending[1].lower() in {*ENDINGS, *OTHER_ENDINGS})


def _meant(word: str, is_picture: bool, image: Source | None, exists: Callable[[Path], bool]) -> str:
    if not is_picture:
        return f"-f {quoted(word)} reads the prompt from it"
    file = quoted(word)
    if image is None:
        return f'imagecli edit {file} "what to change", or imagecli vary {file}'
    if image.path and not exists(image.path):
        return f"did you swap them? imagecli edit {file} {quoted(image.name)}"
    return f'--image {file} adds a second picture: imagecli edit {quoted(image.name)} "what to change" --image {file}'


def needs_alpha(ask: Ask, row: ModelRow) -> bool:
    """Whether the picture's own transparency has to be the mask: a classic edit without one."""
    return isinstance(ask, Edit) and ask.mask is None and row.edits_need_alpha


def inputs_of(ask: Ask) -> tuple[Source, ...]:
    """The pictures that go up, without the mask."""
    match ask:
        case Edit():
            return ask.images
        case Vary():
            return (ask.image,)
    return ()
