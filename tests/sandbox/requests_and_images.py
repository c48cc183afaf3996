"""Images, masks and requests for these tests."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import requests
from PIL import Image, ImageDraw

from imagecli.sandbox.sandbox import Sandbox


def photo(width: int = 256, height: int = 256) -> Image.Image:
    """RGB with a different color nearly everywhere."""
    across = Image.linear_gradient("L").rotate(90).resize((width, height))
    down = Image.linear_gradient("L").resize((width, height))
    return Image.merge("RGB", (across, down, Image.radial_gradient("L").resize((width, height))))


def hole(width: int = 256, height: int = 256, *, mode: str = "RGBA") -> Image.Image:
    """A mask: the middle is edited, and a strip on its left is blended."""
    mask = Image.new("RGBA", (width, height), (0, 0, 0, 255))
    pen = ImageDraw.Draw(mask)
    pen.rectangle((width // 4, height // 4, width * 3 // 4, height * 3 // 4), fill=(255, 255, 255, 0))
    pen.rectangle((width // 4, height // 4, width // 4 + 3, height * 3 // 4), fill=(255, 255, 255, 128))
    return mask.convert(mode)


def encoded(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def decoded(data: bytes) -> Image.Image:
    with Image.open(io.BytesIO(data)) as image:
        image.load()
        return image.copy()


def post(sandbox: Sandbox, operation: str, fields: dict[str, Any], **files: bytes) -> requests.Response:
    """JSON without files, multipart with them. `image` and `mask` name the parts."""
    url = f"{sandbox.base_url}/images/{operation}"
    if operation == "generations":
        return requests.post(url, json=fields, timeout=60)
    parts = [(name, ("picture.png", data, "image/png")) for name, data in files.items()]
    text = [(name, (None, str(value))) for name, value in fields.items()]
    return requests.post(url, files=[*text, *parts], timeout=60)


def read_images(response: requests.Response) -> list[Image.Image]:
    """The images of a response in base64."""
    assert response.status_code == 200, response.text
    return [decoded(base64.b64decode(item["b64_json"])) for item in response.json()["data"]]


def events(response: requests.Response) -> list[tuple[str, Any]]:
    """Name and payload of each event, read by hand."""
    assert response.status_code == 200, response.text
    blocks = response.content.decode().removesuffix("\n\n").split("\n\n")
    lines = [block.split("\n") for block in blocks]
    return [(name.removeprefix("event: "), json.loads(data.removeprefix("data: "))) for name, data in lines]


CLASSIC = {"model": "dall-e-2", "response_format": "b64_json"}
GPT = {"model": "gpt-image-2"}
