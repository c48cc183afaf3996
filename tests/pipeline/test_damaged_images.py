"""Hundreds of images damaged in every way: none gets its final name unless a decoder reads it to its end."""

from __future__ import annotations

import io
import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from imagecli.images.identify import identify_image
from tests.client.raw import http, images_body, png, raw_server
from tests.conftest import Run
from tests.images.sample_images import png_of
from tests.images.test_identify import LARGE, RASTER, sample
from tests.pipeline.test_finish import code, files, finished, of

SOURCES = (*RASTER, *LARGE)
BROKEN_EACH = 16
EOI = b"\xff\xd9"
TOO_LARGE_TO_TRY = 37_000_000
"""Pixels that a header claims: more are not decoded, whatever is behind."""


def cut(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    del data[at:]


def flip(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    data[at] ^= 1 << dice.randrange(8)


def blank(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    data[at : at + length] = bytes(len(data[at : at + length]))


def insert(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    data[at:at] = dice.randbytes(length)


def lose(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    del data[at : at + length]


def swap(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    other = dice.randrange(len(data))
    data[at : at + length], data[other : other + length] = data[other : other + length], data[at : at + length]


def scramble(data: bytearray, at: int, length: int, dice: random.Random) -> None:
    data[at:] = dice.randbytes(len(data) - at)


WAYS: list[Callable[[bytearray, int, int, random.Random], None]] = [cut, flip, blank, insert, lose, swap, scramble]


def decodes(data: bytes) -> bool:
    """Whether Pillow reads every frame; a JPEG may lack its end marker."""
    if data.startswith(b"\xff\xd8") and not data.endswith(EOI):
        data += EOI
    try:
        with Image.open(io.BytesIO(data)) as image:
            for frame in ImageSequence.Iterator(image):
                frame.load()
    except Exception:
        return False
    return True


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", SOURCES)
def test_a_damaged_image_gets_no_final_name(tmp_path: Path, name: str) -> None:
    dice = random.Random(name)
    for turn in range(BROKEN_EACH):
        broken = bytearray(sample(name))
        way = dice.choice(WAYS)
        way(broken, dice.randrange(len(broken)), dice.choice([1, 2, 4, 16, 100, 1000]), dice)
        data = bytes(broken)
        place = tmp_path / str(turn)
        place.mkdir()
        outcome, _ = finished(of(place, "cat"), images_body(data) if data else b'{"data": [{"b64_json": "="}]}')
        (saved_file,) = files(place).items() if data else [("", b"")]
        assert saved_file[1] == data
        if outcome.saved:
            size = identify_image(data).size
            assert decodes(data) or (size and size.pixels > TOO_LARGE_TO_TRY), (turn, way.__name__)
            assert Path(saved_file[0]).suffix in (".png", ".jpg", ".webp", ".gif")
        else:
            assert code(outcome) == 7
            assert not data or ".damaged." in saved_file[0]


@pytest.mark.parametrize(
    "data",
    [
        png_of((60, 40, 8, 2, 0, 0, 0), zlib.compress(bytes(39 * 181))),
        png_of((60, 40, 8, 2, 0, 0, 0), bytes(900)),
    ],
    ids=["png-rows", "png-pixels"],
)
def test_a_damaged_image_with_valid_checksums_gets_no_final_name(tmp_path: Path, data: bytes) -> None:
    outcome, _ = finished(of(tmp_path, "cat"), images_body(data))
    (name,) = files(tmp_path)
    assert (code(outcome), name.startswith("cat.damaged."), files(tmp_path)[name]) == (7, True, data)


@pytest.mark.parametrize("name", SOURCES)
def test_a_complete_image_gets_its_final_name(tmp_path: Path, name: str) -> None:
    outcome, _ = finished(of(tmp_path, "cat"), images_body(sample(name)))
    assert (code(outcome), list(files(tmp_path).values())) == (0, [sample(name)])


@pytest.mark.parametrize("name", ["jpeg", "jpeg-progressive", "jpeg-restarts", "large-jpeg"])
def test_a_jpeg_without_its_end_marker_is_saved_and_can_be_converted(tmp_path: Path, name: str) -> None:
    data = sample(name).removesuffix(EOI)
    outcome, _ = finished(of(tmp_path, "cat"), images_body(data))
    assert (code(outcome), files(tmp_path)) == (0, {"cat.jpg": data})
    outcome, _ = finished(of(tmp_path, "owl", literal="png"), images_body(data))
    assert (code(outcome), decodes((tmp_path / "owl.png").read_bytes())) == (0, True)
    outcome, _ = finished(of(tmp_path, "fox"), images_body(data[: -len(data) // 3]))
    assert (code(outcome), (tmp_path / "fox.jpg").exists()) == (7, False)


def test_a_response_with_fewer_images_is_named_by_its_id(imagecli: Run) -> None:
    with raw_server(http("200 OK", images_body(png()), "x-request-id: req_7")) as server:
        result = imagecli("generate", "cat", "-n", 2, "--base-url", server.base_url)
    assert result.exit_code == 9
    assert "request: req_7" in result.stderr


def test_recover_is_named_only_for_recoverable_responses(imagecli: Run, folder: Path) -> None:
    with raw_server(http("200 OK", images_body(png()[:-20]))) as server:
        result = imagecli("generate", "cat", "--base-url", server.base_url)
    assert result.exit_code == 7
    assert (folder / "cat.damaged.png.bin").exists()
    assert "imagecli recover" not in result.stderr
