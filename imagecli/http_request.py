"""HTTP requests as frozen values, which `providers` builds and `client` sends."""

from typing import Final, NamedTuple, Self

from imagecli.domain import Json

SANDBOX_HEADER: Final = "x-imagecli-sandbox"
"""Response header by which the sandbox says what it is."""


class HttpFile(NamedTuple):
    """One file of a multipart form, with a neutral name and its true media type."""

    name: str
    """The form field: image, image[], mask, markup."""
    filename: str
    data: bytes
    media_type: str


class HttpRequest(NamedTuple):
    """One request as it was built for a provider. It has no key: that is added when it is sent."""

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
