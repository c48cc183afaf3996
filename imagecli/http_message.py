"""HTTP requests and parsed responses as frozen values, between the codecs, the client and the pipeline."""

from typing import Any, NamedTuple, Self

from imagecli.domain import Json
from imagecli.errors import POSSIBLY_BILLED, ImagecliError


class HttpFile(NamedTuple):
    """One file of a multipart form, with a neutral name and its true media type."""

    name: str
    """The form field: image, image[], mask, markup."""
    filename: str
    data: bytes
    media_type: str


class HttpRequest(NamedTuple):
    """One request as a provider's codec built it. It has no key: the transport adds that."""

    method: str
    url: str
    json: dict[str, Json] | None = None
    form: tuple[tuple[str, str], ...] = ()
    files: tuple[HttpFile, ...] = ()
    added: tuple[str, ...] = ()
    """Fields that the user did not set: one of them may be omitted if the server does not know it."""

    def without(self, field: str) -> Self:
        """The same request without *field*, which is one of `added`."""
        return self._replace(
            json={key: value for key, value in self.json.items() if key != field} if self.json is not None else None,
            form=tuple(pair for pair in self.form if pair[0] != field),
            added=tuple(name for name in self.added if name != field),
        )


class ReturnedImage(NamedTuple):
    """One image of a response: base64 text, a URL, or both; neither if it is missing.

    The base64 is used first. If it is not an image, the URL is fetched: the base64 was a placeholder.
    """

    b64_json: str | None = None
    url: str | None = None
    hint: str | None = None
    """What to do if the URL does not answer."""
    error: ImagecliError | None = None
    """What the server reports about a missing image."""
    revised_prompt: str | None = None


class ParsedResponse(NamedTuple):
    """What a provider's codec found in the body of a 2xx response."""

    images: tuple[ReturnedImage, ...]
    usage: dict[str, Any] | None = None
    svg_usage: dict[str, Any] | None = None
    """Tokens of the model that wrote an SVG; billed in addition."""
    errors: tuple[ImagecliError, ...] = ()
    """What went wrong with further images, as far as the response says so."""

    @property
    def may_be_billed(self) -> bool:
        """Unless it has no image at all and gives for each a reason why none was created."""
        if any(image.b64_json or image.url for image in self.images):
            return True
        reasons = [*(image.error for image in self.images), *self.errors]
        return not reasons or any(error is None or error.exit_code in POSSIBLY_BILLED for error in reasons)
