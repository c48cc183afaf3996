"""Checks a request against its model: the model's last day, the operation, the prompt, the size and the format.

The argument and the file that a prompt is read from are checked here too. `model_parameters` checks the other
parameters and the number of input images; `images.fit_input` checks the images themselves.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Final, NamedTuple

from imagecli.catalog.catalog import first_living_model
from imagecli.catalog.model import ModelRow
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.model_parameters import check_framing, check_input_count, check_pairs, inspect_parameters
from imagecli.domain import OPERATIONS, Edit, Generate, ImageRequest, Operation, RequestedSize, Shape, Size
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.formats import looks_like_image_name
from imagecli.quoting import shell_quote
from imagecli.suggestions import suggest
from imagecli.text_encoding import find_text_problem

NOTICE_DAYS: Final = 60
"""A warning is printed this many days before a model's last one."""


def check_model_life(row: ModelRow, provider: ProviderRow, base_url: str, today: date) -> tuple[WarningEvent, ...]:
    """A warning if the model ends soon. Raises UsageError, which names its successor, after its last day.

    Only for providers that retire models: other compatible servers keep them. On its last day it may still be served.
    """
    if row.shutdown is None or not (provider.retires and provider.uses_default_base_url(base_url)):
        return ()
    days = (row.shutdown - today).days
    if days < 0:
        raise UsageError(
            f"{row.name} was shut down on {row.shutdown}",
            hint=_suggest_successor(row),
            code="model_ended",
            flag="--model",
        )
    if days > NOTICE_DAYS:
        return ()
    when = ("today", "tomorrow")[days] if days < 2 else f"in {days} days"
    message = f"{row.name} shuts down {when}, on {row.shutdown}; {_suggest_successor(row)}"
    return (WarningEvent(code="model_ends", message=message),)


_MIN_SIMILARITY: Final = 0.75
"""Of a model's name and the one that was probably meant (0 to 1): servers have models of their own."""


def unknown_model_warnings(row: ModelRow, names: Iterable[str]) -> tuple[WarningEvent, ...]:
    """A warning if the chosen model is not one of *names*, those of the catalog, with the one probably meant."""
    if row.known:
        return ()
    message = f"unknown model {row.name}; imagecli can't check its options"
    if near := suggest(row.name, names, cutoff=_MIN_SIMILARITY):
        message += f"; did you mean {near}?"
    return (WarningEvent(code="unknown_model", message=message),)


def _suggest_successor(row: ModelRow) -> str:
    return f"use -m {row.successor} instead" if row.successor else "choose another model: imagecli models"


def check_request(
    request: ImageRequest, row: ModelRow, other_models: Iterable[ModelRow] = ()
) -> tuple[WarningEvent, ...]:
    """The warnings on a request to the model *row*.

    Raises UsageError if the model does not support the request, with a hint that may name one of the *other_models*.
    """
    findings = inspect_request(request, row, other_models)
    if findings.errors:
        raise findings.errors[0]
    return findings.warnings


class RequestFindings(NamedTuple):
    """The warnings and errors about a request to a model, found before it is sent."""

    warnings: tuple[WarningEvent, ...]
    errors: tuple[UsageError, ...]


def inspect_request(request: ImageRequest, row: ModelRow, other_models: Iterable[ModelRow] = ()) -> RequestFindings:
    """Like `check_request`, but returns all errors. An unsupported operation is the only error."""
    errors: list[UsageError] = []
    warnings: list[WarningEvent] = []
    with collect_errors(errors):
        _check_operation(request, row)
    if errors:
        return RequestFindings((), tuple(errors))
    with collect_errors(errors):
        if isinstance(request, (Generate, Edit)):
            check_prompt_text(request.prompt, row)
    with collect_errors(errors):
        check_input_count(request, row)
    with collect_errors(errors):
        check_size(request.options.size, row)
    for finding in inspect_parameters(request, row, other_models):
        if isinstance(finding, UsageError):
            errors.append(finding)
        else:
            warnings.append(finding)
    with collect_errors(errors):
        warnings += check_framing(request, row)
    pair_errors: list[UsageError] = []
    with collect_errors(pair_errors):
        if row.known:
            check_pairs(request)
    refused_flags = {error.flag for error in errors}
    errors += [error for error in pair_errors if error.flag is None or error.flag not in refused_flags]
    return RequestFindings(tuple(warnings), tuple(errors))


@contextmanager
def collect_errors(errors: list[UsageError]) -> Iterator[None]:
    """Adds a UsageError of the block to *errors*; what follows the block runs in any case."""
    try:
        yield
    except UsageError as error:
        errors.append(error)


def _check_operation(request: ImageRequest, row: ModelRow) -> None:
    operation = OPERATIONS[type(request)]
    if row.known and operation not in row.operations:
        supported = [word for word, kind in COMMANDS.items() if kind in row.operations]
        raise UsageError(
            f"{row.name} does not support {operation}",
            hint=f"it supports {' and '.join(supported)}; choose another model: imagecli models",
            flag="--model",
        )


COMMANDS: Final[Mapping[str, Operation]] = {"generate": "generations", "edit": "edits", "vary": "variations"}
"""Command → the operation that it requests."""


MAX_PROMPT_BYTES: Final = 1024 * 1024
"""More than any model accepts; a larger file is not a prompt."""


def decode_prompt(data: bytes, name: str) -> str:
    """The text of a prompt file, without the final line end that editors add. Raises UsageError."""
    if len(data) > MAX_PROMPT_BYTES:
        raise UsageError(f"{name} is larger than 1 MB, too large for a prompt")
    if problem := find_text_problem(data):
        raise UsageError(
            f"{name} is not UTF-8 text (byte {problem.position}): {problem.message}",
            hint=f"{problem.hint}; to edit an image: imagecli edit IMAGE",
        )
    return data.decode("utf-8-sig").removesuffix("\n").removesuffix("\r")


def check_prompt_text(prompt: str, row: ModelRow) -> None:
    """Raise UsageError if the prompt is not Unicode, is empty, or is longer than the model accepts."""
    try:
        prompt.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"the prompt is not valid Unicode (character {error.start + 1})",
            hint="use a UTF-8 locale, or read the prompt from a file with -f FILE",
        ) from error
    if not prompt.strip():
        raise UsageError("the prompt is empty", hint="describe what the complete image shows")
    if len(prompt) > row.max_prompt:
        raise UsageError(
            f"the prompt has {len(prompt):,} characters; {row.name} accepts at most {row.max_prompt:,}",
            hint="shorten the prompt",
        )


def check_prompt_argument(prompt: str, *, is_file: bool) -> None:
    """Raise UsageError for a PROMPT argument that is a file's name, with the command that was probably meant.

    No one wants to pay for an image of "photo.jpg", or of an image's bytes as text. *is_file*: a file of that name
    exists. --prompt accepts such text.
    """
    word = prompt.strip()
    if ":" in word:
        _check_prompt_address(word)
    if not word or "\n" in word or len(word) > 1000:
        return
    is_image = looks_like_image_name(word)
    if not (is_image or is_file):
        return
    file = shell_quote(word)
    hint = f'imagecli edit {file} "what to change", or imagecli vary {file}'
    if not is_image:
        hint = f"to read the prompt from it: -f {file}"
    raise UsageError(
        f"the prompt {prompt!r} is {'a file' if is_file else 'an image file name'}, not a description",
        hint=f"{hint}; to send it as text, use --prompt",
    )


def _check_prompt_address(word: str) -> None:
    """Raises UsageError if *word* is the URL of an image."""
    from imagecli.checks.urls import is_url, local_file_hint

    if word.lower().startswith("data:image/"):
        raise UsageError("the prompt is an image data: URL, not a description", hint=local_file_hint(word))
    if is_url(word) and " " not in word and looks_like_image_name(word.partition("?")[0]):
        raise UsageError(f"the prompt {word} is an image URL, not a description", hint=local_file_hint(word))


MAX_FIT_PIXELS: Final = 100_000_000
"""The limit of --fit: ten times the largest image of any model. Enlarging further would add no detail."""

_NO_IMAGE: Final = 64
"""A size with two edges below this was probably meant as a ratio, unless it is a square, as icons are."""


def resolve_size(
    size: RequestedSize | Shape | None, fit: Size | None, row: ModelRow
) -> tuple[RequestedSize | None, tuple[NoteEvent, ...]]:
    """The size to request, and notes on it. Without a size, *fit* determines one.

    Raises UsageError for a ratio that the model doesn't make, and for a *fit* that is too large.
    """
    if fit and fit.pixels > MAX_FIT_PIXELS:
        raise UsageError(
            f"--fit {fit}: it has {fit.pixels:,} pixels; the limit is {MAX_FIT_PIXELS:,}",
            hint="use --fit with a smaller size",
            flag="--fit",
        )
    if isinstance(size, Shape):
        pixels = _size_of_shape(size, row)
        near = "" if size.is_named or size.is_exactly(pixels) else f", the closest size {row.name} supports"
        return pixels, (
            NoteEvent(code="size", message=f"{size} is generated at {pixels}{near}"),
            *_fit_notes(fit, pixels),
        )
    requested = size or (row.sizes.covering(fit) if fit else None)
    return requested, _fit_notes(fit, requested)


def _fit_notes(fit: Size | None, requested: RequestedSize | None) -> tuple[NoteEvent, ...]:
    """A note if the *requested* size is not the one of --fit."""
    if fit is None or requested in (None, fit):
        return ()
    where = "a size chosen by the model" if requested == "auto" else requested
    return (NoteEvent(code="size", message=f"--fit {fit} is generated at {where}, then cropped and resized"),)


def check_size(size: RequestedSize | None, row: ModelRow) -> None:
    """Raise UsageError, with the nearest supported size, if the model does not make *size*."""
    if size is None or (objection := row.sizes.objection(size)) is None:
        return
    raise UsageError(f"--size {size}: {objection} ({row.name})", hint=_suggest_size(size, row), flag="--size")


def _size_of_shape(shape: Shape, row: ModelRow) -> Size:
    size = row.sizes.nearest_to_shape(shape)
    if size is None:
        about = row.sizes.approximate(shape)
        objection = row.sizes.objection(about) or f"it supports {row.sizes.describe()}"
        raise UsageError(f"--size {shape}: {objection} ({row.name})", hint=_suggest_size(about, row), flag="--size")
    return size


def _suggest_size(size: RequestedSize, row: ModelRow) -> str:
    if isinstance(size, str):
        return f"omit --size, or use --size {row.sizes.examples()[-1]}"
    shape = Shape(size.width, size.height, f"{size.width}:{size.height}")
    if not size.is_square and max(size.width, size.height) < _NO_IMAGE and row.sizes.nearest_to_shape(shape):
        return f"did you mean --size {shape}? for exactly {size} pixels, use --fit {size}"
    near = row.sizes.nearest(size)
    if near is None:
        return "omit --size"
    return f"use --size {near}" + (f", or --fit {size} for exactly that size" if size.pixels <= MAX_FIT_PIXELS else "")


class FormatSupport(NamedTuple):
    """The formats that one operation of a model returns at a provider."""

    row: ModelRow
    provider: ProviderRow
    operation: Operation
    other_models: Iterable[ModelRow] = ()

    def surely_makes(self, name: str) -> bool:
        """Whether documents say that the format *name* can be requested."""
        return _model_makes(self.row, name) and self._provider_accepts(name)

    def may_make(self, name: str) -> bool:
        """Whether the format can be requested as far as the catalog knows."""
        return self._provider_accepts(name) and (not self.row.known or _model_makes(self.row, name))

    def conversion_warning(self, name: str) -> WarningEvent | None:
        """A warning if the image will have to be converted to the format *name*."""
        accepted = self._provider_accepts(name)
        if self.surely_makes(name) or (accepted and (not self.row.known or name == self._fixed_format)):
            return None
        message = f"{(self.row if accepted else self.provider).name} can't return {name}; imagecli converts the image"
        if name == "gif":
            message += " to a single frame"
        if alternative := self.model_that_makes(name):
            message += f"; -m {alternative} supports {name}"
        return WarningEvent(code="other_format", message=message)

    def model_that_makes(self, name: str) -> str | None:
        """Another model that makes the format, if the provider accepts it."""
        if not self._provider_accepts(name):
            return None
        return first_living_model(model for model in self.other_models if _model_makes(model, name))

    @property
    def _fixed_format(self) -> str | None:
        """The format of a model that can't be asked for one."""
        return None if "output_format" in self.row.parameters else "png"

    def _provider_accepts(self, name: str) -> bool:
        allowed = self.provider.allowed_values("output_format", self.operation)
        return not self.provider.refuses("output_format", self.operation) and (not allowed or name in allowed)


def _model_makes(row: ModelRow, name: str) -> bool:
    allowed = row.allowed_values("output_format")
    return row.known and row.surely_takes("output_format", name) and (not allowed or name in allowed)
