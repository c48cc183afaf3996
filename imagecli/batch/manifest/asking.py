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
        """The ask for one prompt of a row. Raises UsageError where something is missing or no endpoint can do it."""
        if said.command == "generate":
            return Generate(prompt=_there(prompt, "what shall the picture show?"), rendering=rendering)
        if not inputs.images:
            raise UsageError("image: there is no picture", hint=f"{said.command} wants one: image = photo.jpg")
        if said.command == "edit":
            return Edit(
                prompt=_there(prompt, "what shall change?"),
                images=inputs.images,
                rendering=rendering,
                mask=inputs.mask,
                markup=inputs.markup,
                framing=look.framing,
            )
        return self._variation(said, look, rendering, prompt, inputs)

    def _variation(self, said: Said, look: Look, rendering: Rendering, prompt: str | None, inputs: Inputs) -> Ask:
        if len(inputs.images) > 1:
            raise UsageError(f"image: {len(inputs.images)} pictures, and vary takes one", hint="a row for each")
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


def _there(prompt: str | None, question: str) -> str:
    if prompt is None:
        raise UsageError(f"prompt: there is none: {question}", hint="prompt or prompt_file holds it")
    return prompt
