"""A provider's row: where it is, how it is spoken to, which variables are its own. Every difference is a field here.

A provider's Batch API as a row: where it is, what it takes at once, and how its lines differ from live requests.

A model's row as it holds at one provider: what that takes fewer of, and how it reads a mask. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from imagecli.catalog.model import ModelRow
from imagecli.catalog.validators import overlay_size_rule
from imagecli.domain import Operation

LIVE_ONLY: Final = ("stream", "partial_images")
"""Fields that make no sense in an answer nobody watches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchRow:
    """What a provider's Batch API takes, and how its lines differ from live requests."""

    path: str = ""
    """Where batches are made, below the base URL."""
    files_path: str = ""
    """Where files go up."""
    endpoints: Mapping[Operation, str] = field(default_factory=dict)
    """What it can do → the `url` that a line and its batch say."""
    window: str = ""
    """`completion_window`: how long it may take."""
    max_requests: int = 0
    max_bytes: int = 0
    """Of one input file."""
    price: float = 0.0
    """Its share of the live price."""
    source: str = ""

    # How pictures stand in a line, which is always JSON.
    image: str = "images[]"
    """As in a provider's row, these five."""
    images: tuple[str, ...] = ("images[]",)
    picture: Any = field(default_factory=lambda: {"file_id": "{file_id}"})
    mask: str | None = "mask"
    markup: str | None = None
    unstated: tuple[str, ...] = ()
    """In place of the provider's."""

    @property
    def missing(self) -> tuple[str, ...]:
        """The fields that a row can't do without, and this one lacks."""
        needed = ("path", "files_path", "endpoints", "window", "max_requests", "max_bytes", "price")
        return tuple(name for name in needed if not getattr(self, name))


def for_batch_api(row: ProviderRow) -> ProviderRow:
    """*row* as it holds for a line of its Batch API: what is not to be done there it does not have.

    Its name says so too, as it stands in what is refused. The row must have a `batch`.
    """
    batch = row.batch
    assert batch is not None
    return replace(
        row,
        name=f"{row.name} (Batch API)",
        paths={operation: path for operation, path in row.paths.items() if operation in batch.endpoints},
        edits_as="json",
        image=batch.image,
        images=batch.images,
        picture=batch.picture,
        mask=batch.mask,
        markup=batch.markup,
        unstated=batch.unstated,
        refused=(*row.refused, *LIVE_ONLY),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVariable:
    """A variable that holds a key, and how that kind of key is shown to the server."""

    env: str
    auth: str = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """How one provider is spoken to, and which environment variables are its own.

    Fields of a request are named as OpenAI names them; `renamed`, `size_as` and `words` say what becomes of them.
    """

    name: str
    like: str | None = None
    """The row that this one was made from."""
    source: str = ""
    notes: tuple[str, ...] = ()
    """What a user of it should know, a sentence each."""

    # Where it is.
    base_url: str | None = None
    base_url_form: str | None = None
    """What a base URL looks like, where everybody has another."""
    base_url_env: str | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    """What every request's address ends with."""
    query_env: Mapping[str, str] = field(default_factory=dict)
    """Name in `query` → variable that sets it."""
    paths: Mapping[Operation, str] = field(default_factory=dict)
    """What it can do → where, below the base URL; `{model}` stands for the model's name."""
    models_path: str | None = None
    """Where it lists its models."""
    retired: tuple[Operation, ...] = ()
    """Endpoints that answer no more at the row's own base URL."""

    # Who asks.
    auth: Literal["bearer", "api-key", "none"] = "bearer"
    """How a key that is no variable's is shown."""
    keys: tuple[KeyVariable, ...] = ()
    """Where a key is looked for first, in this order."""
    key_optional: bool = False
    """It answers without a key too."""
    key_page: str | None = None
    organization_env: str | None = None
    project_env: str | None = None

    # Which model.
    model: str | None = None
    """The one that is used where none is named."""
    takes_default_model: bool = False
    """The catalogue's default model is at home there."""
    needs_model: bool = True
    """False: where none is named the server has its own."""

    # How pictures go up.
    edits_as: Literal["multipart", "json"] = "multipart"
    image: str = "image"
    """Field of the only picture. In JSON a name that ends in `[]` is a list."""
    images: tuple[str, ...] = ("image[]",)
    """Fields of several pictures: one that ends in `[]` for all of them, or one for each."""
    picture: Any = "{data_url}"
    """What a picture is in JSON: text, or an object that holds it; `{base64}` is the bare base64."""
    mask: str | None = "mask"
    """Field of the mask; None where it takes none."""
    markup: str | None = "markup"
    """Field of the drawing; None where it takes none."""
    mask_habit: Literal["alpha", "white"] = "alpha"
    """What it reads as editable: transparent, or white with its alpha ignored."""
    max_images: int | None = None
    """Input pictures, where it takes fewer than the model."""
    image_formats: tuple[str, ...] = ()
    """Formats of input pictures, where it takes fewer than the model."""
    any_model_varies: bool = False
    """Its variations endpoint takes every model, also one that the catalogue does not know."""
    variations_prompt: bool = False
    """Its variations endpoint wants a prompt."""

    # What else is sent, and how it is called.
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Field → its name there."""
    refused: tuple[str, ...] = ()
    """Fields it does not take, `edits.size` for one operation's only."""
    unstated: tuple[str, ...] = ()
    """Fields that no document names for the way it is spoken to, as `refused`: sent when asked, with a warning."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Field → the words it takes, where they are fewer than the model's; `edits.quality` for one operation's only."""
    size_as: Literal["size", "width_height", "aspect_ratio"] = "size"
    size_separator: str = "x"
    size_auto: bool = True
    """It knows the word `auto`; else that is said by sending no size."""
    sizes: Mapping[str, Any] = field(default_factory=dict)
    """Limits of sizes laid over the model's, as a `sizes` table of models.toml has them."""
    ratios: tuple[str, ...] = ()
    """The aspect ratios it takes; any where none stand here."""
    response_format: Literal["url", "b64_json"] | None = None
    """What is asked for where the user asked for nothing."""
    response_formats: Mapping[str, str] = field(default_factory=dict)
    """url and b64_json → its words for them."""
    extra: Mapping[str, Any] = field(default_factory=dict)
    """Further fields that are sent where the user did not set them."""
    param_field: str | None = None
    """--param goes into this field, all together as the text of a JSON object."""
    param_tag: str | None = None
    """--param goes into the prompt's end, as a JSON object inside this tag."""
    max_n: int | None = None
    """Pictures a request, where it makes fewer than the model; 1 where it has no `n`."""

    # How it behaves.
    batch: BatchRow | None = None
    """Its Batch API, where it has one."""
    jobs: int = 4
    """Requests under way at once, where nothing else is said: small, as the lowest tiers permit 5 pictures a minute."""
    silence: float = 300.0
    """Seconds without a byte after which an answer is given up."""
    embedded: bool = False
    """Started inside this process for the command."""
    free: bool = False
    """Nothing is billed there."""
    priced: bool = False
    """It bills by the prices of the models' rows."""
    retires: bool = False
    """Models past their row's shutdown date answer no more at the row's own base URL."""

    def uses_default_base_url(self, base_url: str) -> bool:
        """Whether *base_url* is the row's own, and not another server that speaks alike."""
        return base_url.rstrip("/") == self.base_url

    def offers(self, operation: Operation, base_url: str) -> bool:
        """Whether the endpoint is worth asking at *base_url*."""
        return operation in self.paths and not (self.uses_default_base_url(base_url) and operation in self.retired)

    def image_field_count(self) -> int | None:
        """How many input pictures have a field of their own; None where one field takes them all."""
        return None if any(name.endswith("[]") for name in self.images) else len(self.images)

    def allowed_values(self, name: str, operation: Operation) -> tuple[str, ...]:
        """The words of a field; empty where any goes."""
        return self.words.get(f"{operation}.{name}", self.words.get(name, ()))

    def is_unstated(self, name: str, operation: Operation) -> bool:
        """Whether no document says that it takes the field."""
        return name in self.unstated or f"{operation}.{name}" in self.unstated

    def refuses(self, name: str, operation: Operation) -> bool:
        """Whether it does not take the field."""
        return name in self.refused or f"{operation}.{name}" in self.refused


def limit_to_provider(row: ModelRow, provider: ProviderRow) -> ModelRow:
    """*row*, with no limit wider than the provider's own."""
    images = _lowest_limit(row.max_images, provider.max_images, provider.image_field_count())
    formats = tuple(word for word in row.image.formats if word in (provider.image_formats or row.image.formats))
    return replace(
        row,
        sizes=overlay_size_rule(row.sizes, provider.sizes),
        max_n=_lowest_limit(row.max_n, provider.max_n),
        max_n_of={word: _lowest_limit(most, provider.max_n) for word, most in row.max_n_of.items()},
        max_images=images,
        images_by=f"provider {provider.name}" if images < row.max_images else None,
        image=replace(row.image, formats=formats or row.image.formats),
        mask=replace(row.mask, white=row.mask.white or provider.mask_habit == "white"),
        lends_fields=not provider.priced,
    )


def _lowest_limit(most: int, *limits: int | None) -> int:
    return min(most, *(limit for limit in limits if limit is not None), most)
