"""The uploads of a request: the parts of its form."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass

from PIL import Image

from tests.conftest import Result
from tests.faults.case import After, Place
from tests.faults.server import Lab


@dataclass(frozen=True, slots=True)
class Part:
    """One part, as its headers call it."""

    head: bytes
    data: bytes

    @property
    def image(self) -> Image.Image:
        """Decoded."""
        with Image.open(io.BytesIO(self.data)) as opened:
            opened.load()
            return opened


def images_in(call: bytes) -> list[Part]:
    """The parts of a multipart request that have a file's name."""
    head, _, body = call.partition(b"\r\n\r\n")
    match = re.search(rb'boundary="?([^"\r\n;]+)', head)
    assert match, head
    parts = [part.removeprefix(b"\r\n").removesuffix(b"\r\n") for part in body.split(b"--" + match[1])]
    split = [part.partition(b"\r\n\r\n") for part in parts if b"filename=" in part.partition(b"\r\n\r\n")[0]]
    return [Part(head, data) for head, _, data in split]


def check_uploads(
    *,
    format: str | None = None,
    size: tuple[int, int] | None = None,
    most: int | None = None,
    data: bytes | None = None,
    without: bytes = b"\0no such bytes",
) -> After:
    """Every paid request had one image: of this format and size, of at most so many bytes, exactly these bytes."""

    def check(place: Place, lab: Lab, result: Result) -> None:
        posts = [call for call in lab.api.calls if call.startswith(b"POST ")]
        for call in posts:
            (part,) = images_in(call)
            image = part.image
            assert format in (None, image.format)
            assert f"image/{(image.format or '').lower()}".encode() in part.head
            assert size in (None, image.size)
            assert most is None or len(part.data) <= most
            assert data in (None, part.data)
            assert without not in call
        assert posts

    return check
