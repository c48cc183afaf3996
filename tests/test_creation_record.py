"""How an image was made, as an object of JSON and back."""

from __future__ import annotations

from imagecli.creation_record import CreationRecord, record_from_json, record_to_json
from imagecli.domain import InputFile, Json
from imagecli.request_options import describe_options


def test_an_input_of_unknown_content_is_read_back() -> None:
    files = (
        InputFile(role="image", name="photo.jpg", path=None, sha256=""),
        InputFile(role="mask", name="mask.png", path=None, sha256="ab" * 32),
    )
    record = CreationRecord(prompt="a red sofa", inputs=files)
    assert record_from_json(record_to_json(record)) == record


def test_options_are_described_by_their_flags() -> None:
    options: dict[str, Json] = {
        "quality": "low",
        "mask_invert": True,
        "seed": 7,
        "param": ["a=1", "b=2"],
        "format_of_name": True,
    }
    assert describe_options(options) == "quality low, mask_invert yes, seed 7, param a=1 and b=2"
