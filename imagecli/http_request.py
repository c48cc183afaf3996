"""HTTP requests as frozen values, which `providers` builds and `client` sends."""

import os
from typing import IO, Final, NamedTuple, Self

from imagecli.domain import Json

SANDBOX_HEADER: Final = "x-imagecli-sandbox"
"""Response header by which the sandbox says what it is."""


class HttpFile(NamedTuple):
    """One file of a multipart form, with a neutral name and its true media type."""

    name: str
    """The form field: image, image[], mask, markup, file."""
    filename: str
    data: bytes | IO[bytes]
    """A file is read as it is sent."""
    media_type: str

    @property
    def size(self) -> int:
        """Bytes of `data`."""
        return len(self.data) if isinstance(self.data, bytes) else os.fstat(self.data.fileno()).st_size


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
