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
from imagecli.batch.manifest.conflicts import Clashes, Columns
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.item import Item
from imagecli.batch.manifest.row_parser import Said
from imagecli.batch.manifest.rows import Row
from imagecli.batch.manifest.schema import WantedFile
from imagecli.batch.manifest.settings import Look, Looks
from imagecli.batch.manifest.targets import Place, Places, check_files
from imagecli.catalog.catalog import Catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.checks.prompts import MAX_PROMPT_BYTES, check_prompt_text, prompt_in
from imagecli.domain import MAX_PICTURE_BYTES, Ask, Edit, Generate, Rendering, Source
from imagecli.errors import UsageError
from imagecli.events import Noted, Warned
from imagecli.naming import braces_in, check_used, check_variables
from imagecli.storage.boundary import Boundary
from imagecli.storage.read import check_regular_file, read_bounded
from imagecli.templates import fill_prompt, product


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """The pictures that a row names."""

    images: tuple[Source, ...]
    mask: Source | None
    markup: Source | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """Makes the asks of one manifest."""

    catalog: Catalog
    provider: ProviderRow
    base_url: str
    remarks: dict[Noted | Warned, None]

    def ask(self, said: Said, look: Look, rendering: Rendering, prompt: str | None, inputs: Inputs) -> Ask:
        """The ask for one prompt of a row that has what it needs. Raises UsageError where no endpoint can do it."""
        if said.command == "generate":
            return Generate(prompt=prompt or "", rendering=rendering)
        if said.command == "edit":
            return Edit(
                prompt=prompt or "",
                images=inputs.images,
                rendering=rendering,
                mask=inputs.mask,
                markup=inputs.markup,
                framing=look.framing,
            )
        return self._variation(said, look, rendering, prompt, inputs)

    def _variation(self, said: Said, look: Look, rendering: Rendering, prompt: str | None, inputs: Inputs) -> Ask:
        ask, note = plan.vary(
            inputs.images[0],
            prompt,
            rendering,
            look.framing,
            via=said.settings.get("via", "auto"),
            strength=said.settings.get("strength"),
            provider=self.provider,
            base_url=self.base_url,
            row=look.row,
            catalog=self.catalog,
        )
        self.remarks[Noted(code="endpoint", message=note)] = None
        return ask


def check_prompt(said: Said) -> None:
    """Raises UsageError for a row that goes without words, and can't."""
    if said.command != "vary" and said.content.keys().isdisjoint(("prompt", "prompt_file")):
        question = "what shall the picture show?" if said.command == "generate" else "what shall change?"
        raise UsageError(f"there is none: {question}", hint="prompt or prompt_file holds it")


def check_pictures(said: Said) -> None:
    """Raises UsageError for a row that has none to change, or too many to vary."""
    count = len(said.content.get("image", ()))
    if said.command != "generate" and not count:
        raise UsageError("there is no picture", hint=f"{said.command} wants one: image = photo.jpg")
    if said.command == "vary" and count > 1:
        raise UsageError(f"{count} pictures, and vary takes one", hint="a row for each")


class Material:
    """What the rows of a manifest in *folder* read."""

    def __init__(self, folder: Path, boundary: Boundary) -> None:
        self._folder, self._boundary = folder, boundary
        self._known: dict[tuple[str, str], Any] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that rows have named so far, each once."""
        return tuple(dict.fromkeys(self._folder / name for _, name in self._known))

    def source(self, name: str) -> Source:
        """The picture that *name* stands for. Raises UsageError where there is no such file."""
        return self._once("picture", name)  # type: ignore[no-any-return]

    def prompt(self, said: Said) -> str | None:
        """The prompt as it was written, variables not filled. Raises UsageError for a file that is none."""
        if "prompt_file" in said.content:
            return self._once("prompt", said.content["prompt_file"])  # type: ignore[no-any-return]
        return said.content.get("prompt")

    def _once(self, kind: str, name: str) -> Any:
        if (kind, name) not in self._known:
            try:
                self._known[kind, name] = self._picture(name) if kind == "picture" else self._words(name)
            except UsageError as error:
                self._known[kind, name] = error
        found = self._known[kind, name]
        if isinstance(found, UsageError):
            raise found
        return found

    def _picture(self, name: str) -> Source:
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, MAX_PICTURE_BYTES)
        return Source(name=name, path=path)

    def _words(self, name: str) -> str:
        path = self._folder / name
        self._boundary.check_input(path)
        check_regular_file(path, MAX_PROMPT_BYTES, error=UsageError)
        return prompt_in(read_bounded(path, MAX_PROMPT_BYTES, error=UsageError), str(path))


_READ: Final = ("image", "mask", "markup", "prompt_file")
_NOTHING: Final = Inputs(images=(), mask=None, markup=None)

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes the items of one manifest; what is wrong with a row goes to *problems*."""

    looks: Looks
    places: Places
    material: Material
    asking: Asking
    problems: Problems
    clashes: Clashes
    columns: Columns

    def items(self, row: Row, said: Said) -> Iterator[Item]:
        """What *row* asks for; nothing where it holds a problem."""
        before, line = self.problems.count, row.line
        places = [self._tried(line, "output", self.places.read, one) for one in _wanted(said)]
        look = self._tried(line, None, self._look, said)
        typed = self._tried(line, "prompt_file", self.material.prompt, said)
        inputs = self._inputs(line, said)
        for field, check in _CHECKS:
            self._tried(line, field, check, said)
        if self.problems.count > before or look is None:
            return
        found = [place for place in places if place]
        self.columns.use(found, typed)
        try:
            yield from self._combined(row, said, look, typed, found, inputs)
        except UsageError as error:
            self.problems.refuse(line, error)

    def _combined(
        self, row: Row, said: Said, look: Look, typed: str | None, places: Sequence[Place], inputs: Inputs
    ) -> Iterator[Item]:
        values = said.content.get("vars", {})
        own = said.own.get("vars", {})
        if own:
            check_used(own, typed, *(place.output for place in places))
        if typed and said.own.keys().isdisjoint(("prompt", "prompt_file")):
            _check_filled(typed, {**said.columns, **values})
        combinations = product(values) if values else ({},)
        rendering = self._named(said, look, places, {**said.columns, **dict.fromkeys(values, "")})
        first, total = 1, rendering.n * len(combinations)
        for combination in combinations:
            variables = {**said.columns, **combination} if combination else said.columns
            prompt = None if typed is None else fill_prompt(typed, variables)
            ask = self.asking.ask(said, look, rendering, prompt, inputs)
            if ask.prompt is not None:
                check_prompt_text(ask.prompt, look.row)
            self.looks.check(ask, look.row)
            files = [
                self.places.targets(place, ask, prompt, variables, said.settings.get("fit"), first=first, total=total)
                for place in places
            ]
            pictures = tuple(zip(*files, strict=True))
            targets = [target for picture in pictures for target in picture]
            for target in targets:
                self.clashes.makes(target.path, row.line)
            for folder in dict.fromkeys(target.name.folder for target in targets):
                if error := self.places.outside(folder):
                    self.problems.refuse(row.line, error, "output")
            yield Item(
                row=row.number,
                line=row.line,
                ask=ask,
                model=look.row,
                model_named="model" in said.settings,
                prompt=prompt,
                variables=variables,
                settings=look.settings,
                pictures=pictures,
            )
            first += rendering.n

    def _look(self, said: Said) -> Look:
        several = said.content.get("outputs", ())
        fits = [fit for one in several if (fit := one.fit or said.settings.get("fit"))]
        fit = max(fits, key=lambda size: size.pixels, default=None) if several else said.settings.get("fit")
        return self.looks.look({"command": said.command, **said.settings}, fit, several=len(several) > 1)

    def _named(self, said: Said, look: Look, places: Sequence[Place], variables: Mapping[str, str]) -> Rendering:
        """The rendering, with the format that the first name asks for where nothing else does."""
        flagged = "output_format" in said.own
        several = "outputs" in said.content
        if several and flagged:
            made = look.rendering
        else:
            made = self.looks.named(look, places[0].output, flagged=flagged, variables=variables)
        if several:
            check_files(places, made.output_format)
        return made

    def _inputs(self, line: int, said: Said) -> Inputs:
        """The pictures of a row, those that are there."""
        if said.content.keys().isdisjoint(_READ):
            return _NOTHING
        found: dict[str, tuple[Source, ...]] = {}
        for name in ("image", "mask", "markup"):
            words = said.content.get(name, ())
            words = (words,) if isinstance(words, str) else words
            found[name] = tuple(
                source for word in words if (source := self._tried(line, name, self.material.source, word))
            )
            for word in words:
                self.clashes.reads(word, line)
        if "prompt_file" in said.content:
            self.clashes.reads(said.content["prompt_file"], line)
        mask, markup = (next(iter(found[name]), None) for name in ("mask", "markup"))
        return Inputs(images=found["image"], mask=mask, markup=markup)

    def _tried(self, line: int, field: str | None, make: Callable[P, T], *args: P.args, **more: P.kwargs) -> T | None:
        """What *make* makes; None, and a problem, where it can't."""
        try:
            return make(*args, **more)
        except UsageError as error:
            self.problems.refuse(line, error, field)
            return None


def _wanted(said: Said) -> tuple[WantedFile, ...]:
    """The files that are made of each picture."""
    several: tuple[WantedFile, ...] = said.content.get("outputs", ())
    return several or (WantedFile(output=said.content.get("output", "")),)


def _check_filled(prompt: str, variables: Collection[str]) -> None:
    """Raises UsageError where the prompt of `[defaults]` has a name in braces that its row does not fill.

    Braces of a row's own prompt may be meant to be seen.
    """
    for name in braces_in(prompt):
        if name.isidentifier() and name not in variables:
            raise UsageError(
                f"prompt: that of defaults has {{{name}}}, and the row does not say what it is",
                hint=f"vars with {name}, or a prompt of its own",
            )


def _check_variables(said: Said) -> None:
    values = said.content.get("vars")
    if not values:
        return
    check_variables(values)
    for name, one in values.items():
        if not one:
            raise UsageError(f"{name} has no value", hint="leave it out, or name one")


_CHECKS: Final = (("prompt", check_prompt), ("image", check_pictures), ("vars", _check_variables))
"""Field → what a row has to satisfy in it whatever else is wrong."""
