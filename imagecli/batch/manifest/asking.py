"""A row's command → the ask that its command would have made of the same words."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli import plan
from imagecli.batch.manifest.looks import Look
from imagecli.batch.manifest.saying import Said
from imagecli.catalog import Catalog, ProviderRow
from imagecli.domain import Ask, Edit, Generate, Rendering, Source
from imagecli.errors import UsageError
from imagecli.events import Noted, Warned


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
