"""One row → the purchases that it asks for: one, or one for each combination of its variables.

A row's command → the ask that its command would have made of the same words.

The files that rows read: prompts, which are read now, and pictures, which have to be there. Each asked for once.

Only regular files inside the manifest's boundary: a cloned repository can hold links and pipes under any name.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, ParamSpec, TypeVar

from imagecli import plan
from imagecli.batch.manifest.conflicts import PathConflicts, VariableColumns
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.item import ManifestItem
from imagecli.batch.manifest.row_parser import ParsedRow
from imagecli.batch.manifest.rows import RawRow
from imagecli.batch.manifest.schema import OutputSpec
from imagecli.batch.manifest.settings import ResolvedSettings, SettingsResolver
from imagecli.batch.manifest.targets import OutputTemplate, OutputTemplates, check_output_formats
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.prompts import MAX_PROMPT_BYTES, check_prompt_text, decode_prompt
from imagecli.domain import MAX_PICTURE_BYTES, Edit, Generate, ImageOptions, ImageRequest, InputSource
from imagecli.errors import UsageError
from imagecli.events import NoteEvent, WarningEvent
from imagecli.naming import check_variables, check_variables_used, find_braces
from imagecli.storage.boundary import Boundary
from imagecli.storage.read import check_regular_file, read_bounded
from imagecli.templates import combine_variables, fill_prompt


@dataclass(frozen=True, slots=True, kw_only=True)
class RowInputs:
    """The pictures that a row names."""

    images: tuple[InputSource, ...]
    mask: InputSource | None
    markup: InputSource | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestBuilder:
    """Makes the asks of one manifest."""

    catalog: Catalog
    provider: ProviderRow
    base_url: str
    notes: dict[NoteEvent | WarningEvent, None]

    def build(
        self, said: ParsedRow, look: ResolvedSettings, rendering: ImageOptions, prompt: str | None, inputs: RowInputs
    ) -> ImageRequest:
        """The ask for one prompt of a row that has what it needs. Raises UsageError where no endpoint can do it."""
        if said.command == "generate":
            return Generate(prompt=prompt or "", options=rendering)
        if said.command == "edit":
            return Edit(
                prompt=prompt or "",
                images=inputs.images,
                options=rendering,
                mask=inputs.mask,
                markup=inputs.markup,
                input_fit=look.input_fit,
            )
        return self._build_variation(said, look, rendering, prompt, inputs)

    def _build_variation(
        self, said: ParsedRow, look: ResolvedSettings, rendering: ImageOptions, prompt: str | None, inputs: RowInputs
    ) -> ImageRequest:
        ask, note = plan.build_variation(
            inputs.images[0],
            prompt,
            rendering,
            look.input_fit,
            via=said.settings.get("via", "auto"),
            strength=said.settings.get("strength"),
            provider=self.provider,
            base_url=self.base_url,
            row=look.model,
            catalog=self.catalog,
        )
        self.notes[NoteEvent(code="endpoint", message=note)] = None
        return ask


def check_row_prompt(said: ParsedRow) -> None:
    """Raises UsageError for a row that goes without words, and can't."""
    if said.command != "vary" and said.content.keys().isdisjoint(("prompt", "prompt_file")):
        question = "what shall the picture show?" if said.command == "generate" else "what shall change?"
        raise UsageError(f"there is none: {question}", hint="prompt or prompt_file holds it")


def check_row_images(said: ParsedRow) -> None:
    """Raises UsageError for a row that has none to change, or too many to vary."""
    count = len(said.content.get("image", ()))
    if said.command != "generate" and not count:
        raise UsageError("there is no picture", hint=f"{said.command} wants one: image = photo.jpg")
    if said.command == "vary" and count > 1:
        raise UsageError(f"{count} pictures, and vary takes one", hint="a row for each")


class InputFiles:
    """What the rows of a manifest in *folder* read."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self._folder, self._boundary = folder, boundary
        self._known: dict[tuple[str, str], Any] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that rows have named so far, each once."""
        return tuple(dict.fromkeys(self._folder / name for _, name in self._known))

    def find_image(self, name: str) -> InputSource:
        """The picture that *name* stands for. Raises UsageError where there is no such file."""
        return self._cached("picture", name)  # type: ignore[no-any-return]

    def read_prompt(self, said: ParsedRow) -> str | None:
        """The prompt as it was written, variables not filled. Raises UsageError for a file that is none."""
        if "prompt_file" in said.content:
            return self._cached("prompt", said.content["prompt_file"])  # type: ignore[no-any-return]
        return said.content.get("prompt")

    def _cached(self, kind: str, name: str) -> Any:
        if (kind, name) not in self._known:
            try:
                self._known[kind, name] = self._find_image(name) if kind == "picture" else self._read_prompt_file(name)
            except UsageError as error:
                self._known[kind, name] = error
        found = self._known[kind, name]
        if isinstance(found, UsageError):
            raise found
        return found

    def _find_image(self, name: str) -> InputSource:
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, MAX_PICTURE_BYTES)
        return InputSource(name=name, path=path)

    def _read_prompt_file(self, name: str) -> str:
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, MAX_PROMPT_BYTES, error=UsageError)
        return decode_prompt(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))


_READ: Final = ("image", "mask", "markup", "prompt_file")
_NOTHING: Final = RowInputs(images=(), mask=None, markup=None)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RowExpander:
    """Makes the items of one manifest; what is wrong with a row goes to *problems*."""

    settings: SettingsResolver
    outputs: OutputTemplates
    files: InputFiles
    requests: RequestBuilder
    problems: Problems
    conflicts: PathConflicts
    columns: VariableColumns

    def expand(self, row: RawRow, said: ParsedRow) -> Iterator[ManifestItem]:
        """What *row* asks for; nothing where it holds a problem."""
        before, line = self.problems.count, row.line
        places = [self._try(line, "output", self.outputs.parse, one) for one in _output_specs(said)]
        look = self._try(line, None, self._resolve_settings, said)
        typed = self._try(line, "prompt_file", self.files.read_prompt, said)
        inputs = self._read_inputs(line, said)
        for field, check in _CHECKS:
            self._try(line, field, check, said)
        if self.problems.count > before or look is None:
            return
        found = [place for place in places if place]
        self.columns.mark_used(found, typed)
        try:
            yield from self._expand_combinations(row, said, look, typed, found, inputs)
        except UsageError as error:
            self.problems.add_error(line, error)

    def _expand_combinations(
        self,
        row: RawRow,
        said: ParsedRow,
        look: ResolvedSettings,
        typed: str | None,
        places: Sequence[OutputTemplate],
        inputs: RowInputs,
    ) -> Iterator[ManifestItem]:
        values = said.content.get("vars", {})
        own = said.own.get("vars", {})
        if own:
            check_variables_used(own, typed, *(place.output for place in places))
        if typed and said.own.keys().isdisjoint(("prompt", "prompt_file")):
            _check_braces_filled(typed, {**said.columns, **values})
        combinations = combine_variables(values) if values else ({},)
        rendering = self._resolve_format(said, look, places, {**said.columns, **dict.fromkeys(values, "")})
        first, total = 1, rendering.n * len(combinations)
        for combination in combinations:
            variables = {**said.columns, **combination} if combination else said.columns
            prompt = None if typed is None else fill_prompt(typed, variables)
            ask = self.requests.build(said, look, rendering, prompt, inputs)
            if ask.prompt is not None:
                check_prompt_text(ask.prompt, look.model)
            self.settings.check_request(ask, look.model)
            files = [
                self.outputs.targets(place, ask, prompt, variables, said.settings.get("fit"), first=first, total=total)
                for place in places
            ]
            pictures = tuple(zip(*files, strict=True))
            targets = [target for picture in pictures for target in picture]
            for target in targets:
                self.conflicts.add_output(target.path, row.line)
            for folder in dict.fromkeys(target.name.folder for target in targets):
                if error := self.outputs.outside(folder):
                    self.problems.add_error(row.line, error, "output")
            yield ManifestItem(
                row=row.number,
                line=row.line,
                request=ask,
                model=look.model,
                model_named="model" in said.settings,
                prompt=prompt,
                variables=variables,
                settings=look.settings,
                pictures=pictures,
            )
            first += rendering.n

    def _resolve_settings(self, said: ParsedRow) -> ResolvedSettings:
        several = said.content.get("outputs", ())
        fits = [fit for one in several if (fit := one.fit or said.settings.get("fit"))]
        fit = max(fits, key=lambda size: size.pixels, default=None) if several else said.settings.get("fit")
        return self.settings.resolve({"command": said.command, **said.settings}, fit, several=len(several) > 1)

    def _resolve_format(
        self, said: ParsedRow, look: ResolvedSettings, places: Sequence[OutputTemplate], variables: Mapping[str, str]
    ) -> ImageOptions:
        """The rendering, with the format that the first name asks for where nothing else does."""
        flagged = "output_format" in said.own
        several = "outputs" in said.content
        if several and flagged:
            made = look.options
        else:
            made = self.settings.with_format_of_name(look, places[0].output, flagged=flagged, variables=variables)
        if several:
            check_output_formats(places, made.output_format)
        return made

    def _read_inputs(self, line: int, said: ParsedRow) -> RowInputs:
        """The pictures of a row, those that are there."""
        if said.content.keys().isdisjoint(_READ):
            return _NOTHING
        found: dict[str, tuple[InputSource, ...]] = {}
        for name in ("image", "mask", "markup"):
            words = said.content.get(name, ())
            words = (words,) if isinstance(words, str) else words
            found[name] = tuple(
                source for word in words if (source := self._try(line, name, self.files.find_image, word))
            )
            for word in words:
                self.conflicts.add_input(word, line)
        if "prompt_file" in said.content:
            self.conflicts.add_input(said.content["prompt_file"], line)
        mask, markup = (next(iter(found[name]), None) for name in ("mask", "markup"))
        return RowInputs(images=found["image"], mask=mask, markup=markup)

    def _try(self, line: int, field: str | None, make: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | None:
        """What *make* makes; None, and a problem, where it can't."""
        try:
            return make(*args, **more)
        except UsageError as error:
            self.problems.add_error(line, error, field)
            return None


def _output_specs(said: ParsedRow) -> tuple[OutputSpec, ...]:
    """The files that are made of each picture."""
    several: tuple[OutputSpec, ...] = said.content.get("outputs", ())
    return several or (OutputSpec(output=said.content.get("output", "")),)


def _check_braces_filled(prompt: str, variables: Collection[str]) -> None:
    """Raises UsageError where the prompt of `[defaults]` has a name in braces that its row does not fill.

    Braces of a row's own prompt may be meant to be seen.
    """
    for name in find_braces(prompt):
        if name.isidentifier() and name not in variables:
            raise UsageError(
                f"prompt: that of defaults has {{{name}}}, and the row does not say what it is",
                hint=f"vars with {name}, or a prompt of its own",
            )


def _check_variables(said: ParsedRow) -> None:
    values = said.content.get("vars")
    if not values:
        return
    check_variables(values)
    for name, one in values.items():
        if not one:
            raise UsageError(f"{name} has no value", hint="leave it out, or name one")


_CHECKS: Final = (("prompt", check_row_prompt), ("image", check_row_images), ("vars", _check_variables))
"""Field → what a row has to satisfy in it whatever else is wrong."""
