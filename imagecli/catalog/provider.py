"""A provider's row in the catalog: its base URL, dialect, variables and Batch API. Every difference is a field."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from imagecli.catalog.model import ModelRow
from imagecli.catalog.size_rule import SizeRule
from imagecli.domain import Operation
from imagecli.serialization import Count, Positive, Text, read_table

LIVE_ONLY: Final = ("stream", "partial_images")
"""Fields that make no sense in a batch, whose responses no one watches."""


def _parse_usage_path(value: Any) -> str:
    """A path below a response's `usage`, the only part that is read. Raises ValueError with what is expected."""
    if isinstance(value, str) and value.startswith("usage.") and all(value.split(".")):
        return value
    raise ValueError("expected a path in a response's usage, such as usage.cost")


UsagePath: TypeAlias = Annotated[str, _parse_usage_path]


class BatchRow(NamedTuple):
    """A provider's Batch API: its limits, and how its lines differ from live requests."""

    path: Text
    """Where batches are created, below the base URL."""
    files_path: Text
    """Where files are uploaded, below the base URL."""
    endpoints: Mapping[Operation, str]
    """Operations it supports → the `url` of a line and its batch."""
    window: Text
    """`completion_window`: how long a batch may take."""
    max_requests: Count
    max_bytes: Count
    """The largest input file."""
    price: Positive
    """Its share of the live price."""
    source: str = ""

    # How images are written in a line, which is always JSON. These are fields of `ProviderRow`, too.
    image: str = "images[]"
    images: tuple[str, ...] = ("images[]",)
    picture: Any = MappingProxyType({"file_id": "{file_id}"})
    mask: str | None = "mask"
    markup: str | None = None
    unstated: tuple[str, ...] = ()


class KeyVariable(NamedTuple):
    """An environment variable that holds a key, and the header that this kind of key goes into."""

    env: Text
    auth: Literal["bearer", "api-key"] = "bearer"


class ProviderRow(NamedTuple):
    """One provider's base URL and dialect, and the environment variables that belong to it.

    Fields of a request are named as OpenAI names them; `renamed`, `size_as` and `words` give the provider's names.
    """

    name: str
    like: str | None = None
    """The row that this one was made from."""
    title: str | None = None
    """Its name as it writes it; None if there is only `name`."""
    source: str = ""
    notes: tuple[str, ...] = ()
    """What its users should know, a sentence each."""

    # Base URL.
    base_url: str | None = None
    base_url_form: str | None = None
    """The form of a base URL, if each user has another."""
    base_url_env: str | None = None
    query: Mapping[str, str] = MappingProxyType({})
    """Query parameters of every request."""
    query_env: Mapping[str, str] = MappingProxyType({})
    """Name in `query` → variable that sets it."""
    gateway_headers: Mapping[str, str] = MappingProxyType({})
    """Headers of the paid requests to another base URL than the row's own, where a gateway may be: with them it does
    not repeat a request by itself. `headers` in `[providers.NAME]` replace them."""
    fixed_headers: Mapping[str, str] = MappingProxyType({})
    """Further headers of every request. They are public; `headers` in `[providers.NAME]` are for those with a key."""
    paths: Mapping[Operation, str] = MappingProxyType({})
    """Operations it supports → path below the base URL; `{model}` stands for the model's name."""
    models_path: str | None = None
    """Where it lists its models."""
    retired: tuple[Operation, ...] = ()
    """Operations that are no longer served at the row's own base URL."""

    # Authentication.
    auth: Literal["bearer", "api-key", "none"] = "bearer"
    """The header for a key that is not in a variable."""
    keys: tuple[KeyVariable, ...] = ()
    """The variables that a key is looked for in first, in this order."""
    key_optional: bool = False
    """It also serves requests without a key."""
    key_page: str | None = None
    organization_env: str | None = None
    project_env: str | None = None

    # Model.
    model: str | None = None
    """The default model."""
    takes_default_model: bool = False
    """It serves the catalog's default model."""
    needs_model: bool = True
    """False if the server has a default model of its own."""
    vendor_prefixes: tuple[str, ...] = ()
    """Vendors of the catalog's models there: with `openai`, its `openai/gpt-image-2` is our `gpt-image-2`."""

    # Uploads.
    edits_as: Literal["multipart", "json"] = "multipart"
    image: str = "image"
    """Field of a single image. In JSON a name that ends in `[]` is a list."""
    images: tuple[str, ...] = ("image[]",)
    """Fields of several images: one that ends in `[]` for all of them, or one for each."""
    form_brackets: bool = True
    """In a form, a field for several images keeps its `[]`; otherwise it is repeated without."""
    picture: Any = "{data_url}"
    """An image in JSON: text, or an object that holds it; `{base64}` is the bare base64."""
    mask: str | None = "mask"
    """Field of the mask; None if it accepts none."""
    markup: str | None = "markup"
    """Field of the drawing; None if it accepts none."""
    mask_habit: Literal["alpha", "white"] = "alpha"
    """What it edits: the transparent area of the mask, or the white one, ignoring alpha."""
    mask_edges: Literal["soft", "binary"] = "soft"
    """Whether it reads soft edges of a mask, or cuts them: then imagecli does, and prints a note."""
    mask_support: Literal["applied", "uncertain", "ignored"] = "applied"
    """What it does with a mask: `ignored` masks are refused; after an `uncertain` one the result is compared."""
    max_images: Count | None = None
    """Input images, if it accepts fewer than the model."""
    image_formats: tuple[str, ...] = ()
    """Formats of input images, if it accepts fewer than the model."""
    any_model_varies: bool = False
    """Its variations endpoint accepts every model, also one that is not in the catalog."""
    variations_prompt: bool = False
    """Its variations endpoint needs a prompt."""

    # Other fields.
    renamed: Mapping[str, str] = MappingProxyType({})
    """Field → the provider's name for it."""
    accepted: tuple[str, ...] | None = None
    """The only optional fields it accepts besides size and seed, if its documents list them all; else None."""
    refused: tuple[str, ...] = ()
    """Fields it does not accept; `edits.size` for one operation only."""
    unstated: tuple[str, ...] = ()
    """Fields that no document lists for it, written as in `refused`: sent if requested, with a warning."""
    words: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Field → the values it accepts, if fewer than the model's; `edits.quality` for one operation only."""
    size_as: Literal["size", "width_height", "aspect_ratio"] = "size"
    size_separator: str = "x"
    height_first: bool = False
    """A size is HEIGHTxWIDTH."""
    size_auto: bool = True
    """It accepts the size `auto`; otherwise no size is sent for it."""
    sizes: Mapping[str, Any] = MappingProxyType({})
    """Fields of a size rule that replace the model's."""
    ratios: tuple[str, ...] = ()
    """The aspect ratios it accepts; any if there are none here."""
    response_format: Literal["url", "b64_json"] | None = None
    """Sent if the user did not choose one."""
    response_formats: Mapping[str, str] = MappingProxyType({})
    """url and b64_json → the provider's values for them."""
    extra: Mapping[str, Any] = MappingProxyType({})
    """Further fields that are sent if the user did not set them."""
    seed: tuple[Operation, ...] = ()
    """Operations that accept a seed: in a field of that name, or among the parameters of the following two."""
    param_field: str | None = None
    """Field that all --param go into, as the text of a JSON object."""
    param_tag: str | None = None
    """All --param are added to the prompt, as a JSON object inside this tag."""
    max_n: Count | None = None
    """Images per request, if fewer than the model makes; 1 if it has no `n`."""

    # Behaviour.
    batch: BatchRow | None = None
    """Its Batch API, if it has one."""
    jobs: Count = 4
    """The default number of concurrent requests: small, as the lowest tiers allow 5 images a minute."""
    silence: Positive = 300.0
    """Seconds without a byte after which a response is given up."""
    url_ttl: Positive = 3600.0
    """Seconds that a result URL works. After twice that time it is taken for expired."""
    embedded: bool = False
    """Started inside this process for the command."""
    free: bool = False
    """It bills nothing."""
    billed: UsagePath | None = None
    """Path in a response to what the request cost, as `usage.cost`; None if responses do not report it."""
    billed_per_usd: Positive = 1.0
    """How many units of `billed` make a US dollar."""
    blocked_if: Mapping[str, Any] = MappingProxyType({})
    """Field of an item of a response → its value if moderation blocked the image."""
    blocked_header: Text | None = None
    """Header of a response that is `true` if moderation blocked its images."""
    model_header: Text | None = None
    """Header of a response that names the model which was used."""
    retry_500: bool = False
    """Its 500 with an error object, from the row's own base URL, means that nothing was generated: it is retried."""
    priced: bool = False
    """It bills by the prices of the models' rows."""
    retires: bool = False
    """Models past their row's shutdown date are no longer served at the row's own base URL."""

    def uses_default_base_url(self, base_url: str) -> bool:
        """Whether *base_url* is the row's own, and not another compatible server's."""
        return base_url.rstrip("/") == self.base_url

    def base_for(self, base_url: str, path: str) -> str:
        """*base_url* for *path*, which belongs beside the paths of images: without what it has of those at its end.

        Azure's portal shows the endpoint with a deployment, `/openai/deployments/NAME`; the list of models is at
        `/openai/models`.
        """
        parts = urlsplit(base_url)
        for image_path in self.paths.values():
            shared_count = shared_segments(parts.path, image_path)
            if shared_count and image_path.split("/")[1:2] == path.split("/")[1:2]:
                return urlunsplit(parts._replace(path="/".join(parts.path.rstrip("/").split("/")[:-shared_count])))
        return base_url

    def retries_500(self, base_url: str) -> bool:
        """Whether a 500 with an error object is retried at *base_url*."""
        return self.retry_500 and (self.embedded or self.uses_default_base_url(base_url))

    def headers_at(self, base_url: str) -> Mapping[str, str]:
        """The row's headers of a paid request to *base_url*."""
        return {} if self.embedded or self.uses_default_base_url(base_url) else self.gateway_headers

    def offers(self, operation: Operation, base_url: str) -> bool:
        """Whether the operation is served at *base_url*."""
        return operation in self.paths and not (self.uses_default_base_url(base_url) and operation in self.retired)

    def mask_support_at(self, base_url: str) -> Literal["applied", "uncertain", "ignored"]:
        """What is done with a mask at *base_url*: a server that is not the row's own is not known to apply it."""
        is_own = self.embedded or self.base_url is None or self.uses_default_base_url(base_url)
        return "uncertain" if self.mask_support == "applied" and not is_own else self.mask_support

    def image_field_count(self) -> int | None:
        """How many input images have a field of their own; None if one field holds them all."""
        return None if any(name.endswith("[]") for name in self.images) else len(self.images)

    def allowed_values(self, name: str, operation: Operation) -> tuple[str, ...]:
        """The values that a field accepts; empty if it accepts any."""
        return self.words.get(f"{operation}.{name}", self.words.get(name, ()))

    def is_unstated(self, name: str, operation: Operation) -> bool:
        """Whether no document says that it accepts the field."""
        return name in self.unstated or f"{operation}.{name}" in self.unstated

    def refuses(self, name: str, operation: Operation) -> bool:
        """Whether it does not accept the field."""
        is_unlisted = self.accepted is not None and name not in ("size", "seed", *self.accepted)
        return is_unlisted or name in self.refused or f"{operation}.{name}" in self.refused


def shared_segments(base_path: str, path: str) -> int:
    """How many segments of *path*, from its start, are the end of *base_path*; `{model}` stands for any segment."""
    base, segments = base_path.strip("/").split("/"), path.strip("/").split("/")
    longest = min(len(base), len(segments))
    return next((n for n in range(longest, 0, -1) if all(map(_is_same_segment, base[-n:], segments))), 0)


def _is_same_segment(segment: str, pattern: str) -> bool:
    return segment == pattern or (pattern == "{model}" and segment != "")


def for_batch_api(row: ProviderRow) -> ProviderRow:
    """*row* as it holds for a line of its Batch API, without what that can't do. The row must have a `batch`.

    Its name says so, as it is part of errors.
    """
    batch = row.batch
    assert batch is not None
    return row._replace(
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


def limit_to_provider(row: ModelRow, provider: ProviderRow) -> ModelRow:
    """A model's row as it holds at one provider: with no limit wider than the provider's own."""
    images = _lowest_limit(row.max_images, provider.max_images, provider.image_field_count())
    formats = tuple(word for word in row.image.formats if word in (provider.image_formats or row.image.formats))
    return row._replace(
        sizes=read_table(SizeRule, provider.sizes, "sizes", over=row.sizes) if provider.sizes else row.sizes,
        max_n=_lowest_limit(row.max_n, provider.max_n),
        max_n_of={word: _lowest_limit(most, provider.max_n) for word, most in row.max_n_of.items()},
        max_images=images,
        images_by=f"provider {provider.name}" if images < row.max_images else None,
        image=row.image._replace(formats=formats or row.image.formats),
        mask=row.mask._replace(
            white=row.mask.white or provider.mask_habit == "white",
            binary=row.mask.binary or provider.mask_edges == "binary",
        ),
        lends_fields=not provider.priced,
    )


def _lowest_limit(most: int, *limits: int | None) -> int:
    return min(most, *(limit for limit in limits if limit is not None), most)
