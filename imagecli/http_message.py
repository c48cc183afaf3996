"""What goes to a provider and what comes back, as frozen values: the halves of `run` meet in them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from imagecli.domain import Json
from imagecli.errors import POSSIBLY_BILLED, ImagecliError


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpFile:
    """One file of a multipart form: neutral name, true media type."""

    name: str
    """The form field: image, image[], mask, markup."""
    filename: str
    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """One request as a provider's codec made it. The key is not in it: the transport adds that."""

    method: str
    url: str
    json: dict[str, Json] | None = None
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[HttpFile, ...] = ()
    added: tuple[str, ...] = ()
    """Fields that the user did not set: one of them may be left out when the server doesn't know it."""

    def without(self, field: str) -> HttpRequest:
        """The same request without *field*, which is one of `added`."""
        return replace(
            self,
            json={key: value for key, value in self.json.items() if key != field} if self.json is not None else None,
            form=tuple(pair for pair in self.form if pair[0] != field),
            added=tuple(name for name in self.added if name != field),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ReturnedImage:
    """One picture of an answer: base64 text, an address, or both; neither when it is missing.

    The base64 comes first. Where it is none, and there is an address, that is fetched: the other was a stand-in.
    """

    b64_json: str | None = field(default=None, repr=False)
    url: str | None = None
    hint: str | None = None
    """What helps where nothing answers at the address."""
    error: ImagecliError | None = None
    """What the server says of a picture that is missing."""
    revised_prompt: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedResponse:
    """What a provider's codec read out of a successful body."""

    images: tuple[ReturnedImage, ...]
    usage: dict[str, Any] | None = None
    svg_usage: dict[str, Any] | None = None
    """What the model that wrote an svg took; billed besides."""
    errors: tuple[ImagecliError, ...] = ()
    """What it says went wrong with further pictures."""

    @property
    def may_be_billed(self) -> bool:
        """Unless it has no image at all and gives for each a reason why none was created."""
        if any(image.b64_json or image.url for image in self.images):
            return True
        reasons = [*(image.error for image in self.images), *self.errors]
        return not reasons or any(error is None or error.exit_code in POSSIBLY_BILLED for error in reasons)
