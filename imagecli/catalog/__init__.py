"""The catalogue: what models take and how providers are spoken to, as rows of data with source and date.

Pure readers of `models.toml` and `providers.toml`. A new model, size rule or provider is a row, never code.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from imagecli.domain import InputRule, Operation, RequestedSize, Size
from imagecli.errors import UsageError

OPTIONAL = (
    "quality",
    "background",
    "output_format",
    "output_compression",
    "moderation",
    "style",
    "response_format",
    "user",
)
"""Parameters that only some models take; prompt, model, n, size, image and mask belong to every one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Which sizes a model makes: a set, or limits on edges, ratio and pixels."""

    auto: bool = False
    set: tuple[Size, ...] = ()
    multiple: int = 1
    """Both edges are multiples of this many pixels."""
    max_edge: int | None = None
    max_ratio: float | None = None
    """Longer edge by shorter."""
    min_pixels: int = 1
    max_pixels: int | None = None

    def objection(self, size: RequestedSize) -> str | None:
        """Why *size* is not made, in words that finish "SIZE: …"; None when it is."""
        if isinstance(size, str):
            return None if self.auto else f"it makes {self.words()}"
        if self.set:
            return None if size in self.set else f"it makes {self.words()}"
        longer, shorter = max(size.width, size.height), min(size.width, size.height)
        if size.width % self.multiple or size.height % self.multiple:
            edge = size.height if size.height % self.multiple else size.width
            return f"{edge} is not a multiple of {self.multiple}"
        if self.max_edge and longer > self.max_edge:
            return f"the longest edge is {self.max_edge}"
        if self.max_ratio and longer > shorter * self.max_ratio:
            return f"the long edge is at most {self.max_ratio:g} times the short one"
        if size.pixels < self.min_pixels:
            return f"it has {size.pixels:,} pixels, at least {self.min_pixels:,} are made"
        if self.max_pixels and size.pixels > self.max_pixels:
            return f"it has {size.pixels:,} pixels, at most {self.max_pixels:,} are made"
        return None

    def words(self) -> str:
        """The rule for people: `256x256, 512x512 or 1024x1024`."""
        words = [str(size) for size in self.set] or [f"multiples of {self.multiple}"]
        words += ["auto"] if self.auto else []
        return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]

    def examples(self) -> tuple[str, ...]:
        """Sizes to offer in a hint."""
        sizes = tuple(str(size) for size in self.set) or ("1024x1024", "1536x1024", "1024x1536", "2048x2048")
        return (*sizes, "auto") if self.auto else sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRow:
    """One model's limits. Lengths of prompts in characters, of files in bytes."""

    name: str
    operations: tuple[Operation, ...]
    sizes: SizeRule
    max_prompt: int
    max_n: int
    max_images: int
    image: InputRule
    mask: InputRule
    parameters: tuple[str, ...]
    """Which of OPTIONAL it takes."""
    qualities: tuple[str, ...] = ()
    backgrounds: tuple[str, ...] = ()
    output_formats: tuple[str, ...] = ()
    moderations: tuple[str, ...] = ()
    styles: tuple[str, ...] = ()
    response_formats: tuple[str, ...] = ()
    edits_need_alpha: bool = False
    """An edit changes only what is transparent, in the mask or else in the picture itself."""
    source: str
    known: bool = True
    """False for a model that has no row of its own and passes through with a warning."""

    def allowed(self, parameter: str) -> tuple[str, ...]:
        """The legal words of a parameter; empty where any value goes."""
        return {
            "quality": self.qualities,
            "background": self.backgrounds,
            "output_format": self.output_formats,
            "moderation": self.moderations,
            "style": self.styles,
            "response_format": self.response_formats,
        }.get(parameter, ())


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """How one provider is spoken to, and which environment variables are its own."""

    name: str
    base_url: str | None = None
    auth: str = "bearer"
    embedded: bool = False
    """Started inside this process for the command."""
    paths: dict[Operation, str]
    retired: tuple[Operation, ...] = ()
    """Endpoints that answer no more at the row's own base URL."""
    key_env: str | None = None
    key_page: str | None = None
    base_url_env: str | None = None
    organization_env: str | None = None
    project_env: str | None = None
    jobs: int = 4
    """Requests under way at once, where nothing else is said: small, as the lowest tiers permit 5 pictures a minute."""
    source: str = ""

    def offers(self, operation: Operation, base_url: str) -> bool:
        """Whether the endpoint is worth asking at *base_url*."""
        at_home = base_url.rstrip("/") == self.base_url
        return operation in self.paths and not (at_home and operation in self.retired)


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalog:
    """All rows, and the defaults."""

    models: dict[str, ModelRow]
    unknown_model: ModelRow
    providers: dict[str, ProviderRow]
    default_model: str
    default_provider: str
    vary_prompts: dict[str, str]

    def model(self, name: str) -> ModelRow:
        """The model's row; one that forbids nothing, and is not `known`, where it has none."""
        return self.models.get(name) or replace(self.unknown_model, name=name)

    def provider(self, name: str) -> ProviderRow:
        """Raises UsageError with the names there are."""
        if name not in self.providers:
            raise UsageError(f"no provider {name!r}", hint=f"there are: {', '.join(self.providers)}; or --base-url URL")
        return self.providers[name]


@cache
def load() -> Catalog:
    """The catalogue that ships with the program."""
    folder = Path(__file__).parent
    models = tomllib.loads((folder / "models.toml").read_text("utf-8"))
    providers = tomllib.loads((folder / "providers.toml").read_text("utf-8"))
    return Catalog(
        models={name: _model(name, row, models) for name, row in models["models"].items()},
        unknown_model=_model("unknown", models["unknown"], models),
        providers={name: ProviderRow(name=name, **_tuples(row)) for name, row in providers["providers"].items()},
        default_model=models["default"],
        default_provider=providers["default"],
        vary_prompts=providers["vary_prompts"],
    )


def _model(name: str, row: dict[str, Any], tables: dict[str, Any]) -> ModelRow:
    merged = _tuples(tables["families"][row.pop("family")] | row)
    sizes = _tuples(tables["sizes"][merged.pop("sizes")])
    sizes["set"] = tuple(Size.parse(size) for size in sizes.get("set", ()))
    return ModelRow(
        name=name,
        sizes=SizeRule(**sizes),
        image=InputRule(**_tuples(merged.pop("image"))),
        mask=InputRule(**_tuples(merged.pop("mask"))),
        **merged,
    )


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}
