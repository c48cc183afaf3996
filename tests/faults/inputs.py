"""I: input images, checked before anything is sent."""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image

from tests.conftest import Result, photo
from tests.faults.bodies import blank_png, bomb
from tests.faults.case import Before, Case, Child, Place
from tests.faults.responses import OK, large, refusal
from tests.faults.running import powerless, rights_hold
from tests.faults.server import Call, Lab
from tests.faults.uploads import check_uploads, images_in
from tests.images.sample_images import exif, lying_png, mask_of, saved, scene, with_chunk
from tests.images.test_header import bomb as lying
from tests.images.test_tiff import tiff, with_tags

PNG = saved(scene(64, 64))
JPEG = saved(scene(64, 48), "JPEG", exif=exif(6, place=True))
HEIC = Path(__file__).parent.parent / "data" / "pictures" / "turned.heic"
EDIT = ("edit", "photo.png", "a cat")
CLASSIC = (*EDIT, "-m", "dall-e-2")
LITTLE_MEMORY = Child(shell="ulimit -d 180000")
"""Kilobytes; the bomb alone would fill more."""


def photo_is(data: bytes | Callable[[], bytes]) -> Before:
    """The content of the photo's file."""
    return lambda place: place.write_file("photo.png", data if isinstance(data, bytes) else data())


def broken() -> dict[str, bytes]:
    crc = bytearray(PNG)
    crc[len(PNG) // 2] ^= 0xFF
    return {"empty": b"", "cut": PNG[:-30], "its header alone": PNG[:33], "a bad CRC": bytes(crc)}


UPRIGHT = saved(scene(64, 48), "JPEG", exif=exif(1, place=True))
NO_IMAGES = {
    "text": b"hello",
    "a page": b"<!doctype html><title>404</title>",
    "a PDF": b"%PDF-1.7\n",
    "a drawing": b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "a pointer of LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
}


def text_bomb() -> bytes:
    return with_chunk(PNG, b"zTXt", b"a\0\0" + zlib.compress(bytes(200_000_000), 1))


def thumbnail_first() -> bytes:
    return tiff(((16, 12), (200, 0, 0), 1), ((64, 48), (0, 0, 200), 0))


def rgba_noise(side: int) -> bytes:
    image = Image.effect_noise((side, side), 99).convert("RGBA")
    image.putalpha(mask_of(side, side, (0, 0, 90, 90)).getchannel("A"))
    return saved(image)


def modes() -> Iterator[tuple[str, bytes]]:
    """Pixel modes that not every API accepts."""
    palette = scene(64, 64, "P")
    palette.info["transparency"] = 0
    yield "16 bits", saved(Image.linear_gradient("L").convert("I").point(lambda v: v * 257).convert("I;16"))
    yield "1 bit", saved(scene(64, 64, "1"))
    yield "gray with alpha", saved(scene(64, 64, "LA"))
    yield "a palette with a clear colour", saved(palette, transparency=0)
    yield "CMYK", saved(scene(64, 64, "CMYK"), "JPEG")
    yield "LAB", saved(scene(64, 64).convert("LAB"), "TIFF")
    yield "a broken profile", saved(scene(64, 64), icc_profile=b"no profile" * 20)


def moving() -> Iterator[tuple[str, bytes]]:
    frames = [scene(64, 64), scene(64, 64).rotate(90)]
    for kind in ("GIF", "WEBP", "PNG"):
        yield kind, saved(frames[0], kind, save_all=True, append_images=frames[1:])


def changing(call: Call) -> None:
    """The file has changed when the request has to be sent again."""
    photo(call.lab.folder / "photo.bin", 99, 77, format="PNG")
    call.send(refusal("503 Oops", "no", "Retry-After: 0"))


def same_twice(place: Place, lab: Lab, result: Result) -> None:
    first, second = (images_in(call)[0] for call in lab.api.calls)
    assert first.data == second.data
    assert first.image.size == (320, 200)


def sent_completely_twice(place: Place, lab: Lab, result: Result) -> None:
    assert [images_in(call)[0].data for call in lab.api.calls] == [large(1000)] * 2


def neutral(place: Place, lab: Lab, result: Result) -> None:
    (part,) = images_in(lab.api.calls[0])
    assert b'filename="image.png"' in part.head
    assert len(part.head.split(b"\r\n")) == 2


def mask_is(data: Callable[[], bytes]) -> Before:
    return lambda place: place.write_file("mask.png", data())


def mask_case(id: str, case: str, data: Callable[[], bytes]) -> Case:
    return Case(id=id, case=case, command=(*EDIT, "--mask", "mask.png"), before=mask_is(data))


def replace_photo(make: Callable[[Place], object]) -> Before:
    """Something other than a file under the photo's name."""

    def before(place: Place) -> None:
        (place.folder / "photo.png").unlink()
        make(place)

    return before


def link_to(name: str) -> Before:
    return lambda place: (place.folder / "photo.png").symlink_to(name)


def file_named(name: str) -> Before:
    return lambda place: place.write_file(name, PNG)


def edit(id: str, case: str, data: bytes | Callable[[], bytes], **more: object) -> Case:
    return Case(id=id, case=case, **{"command": EDIT, "before": photo_is(data), **more})  # type: ignore[arg-type]


ODD_NAMES = {
    "quotes and line breaks": 'a"b\r\nX-Evil: 1;.png',
    "no text": os.fsdecode(b"\xff\xfe.png"),
    "a path's signs": "filename*=UTF-8''..%2f.png",
}
CASES = (
    *(edit("I1", case, data) for case, data in broken().items()),
    *(edit("I2", case, data) for case, data in NO_IMAGES.items()),
    edit("I3", "a lying header", lying_png(50_000, 50_000), child=LITTLE_MEMORY, seconds=10),
    edit("I3", "pixels", bomb, child=LITTLE_MEMORY, seconds=10),
    edit("I6", "large text", text_bomb, child=LITTLE_MEMORY, seconds=10),
    edit("I3", "a GIF's header", lying("GIF", 60_000, 60_000), child=LITTLE_MEMORY, seconds=10),
    edit("I4", "20000 x 20000", lambda: blank_png(20_000), child=Child()),
    edit("I4", "20000 x 1", lambda: saved(Image.new("1", (20_000, 1)))),
    edit("I4", "1 x 1", lambda: saved(Image.new("RGBA", (1, 1))), command=CLASSIC),
    edit(
        "I4",
        "not square",
        lambda: saved(mask_of(80, 40, (9, 0, 50, 9))),
        command=CLASSIC,
        after=check_uploads(size=(40, 40)),
    ),
    edit("I5", "6 MB for 4", lambda: rgba_noise(1300), command=CLASSIC, after=check_uploads(most=4_194_303)),
    edit("I5", "60 MB for 50", lambda: PNG + bytes(60_000_000), after=check_uploads(most=52_428_799)),
    *(edit("I6", case, data, after=check_uploads()) for case, data in modes()),
    *(edit("I7", case, data, after=check_uploads(size=(64, 64))) for case, data in moving()),
    edit("I8", "turned, for its model", JPEG, after=check_uploads(format="JPEG", size=(48, 64))),
    edit(
        "I8", "turned, and shrunk", JPEG, command=(*EDIT, "--input-size", "32x32"), after=check_uploads(size=(24, 32))
    ),
    edit("I9", "place and camera", UPRIGHT, after=check_uploads(format="JPEG", without=b"Kamera")),
    edit(
        "I9",
        "place and camera of a PNG",
        saved(scene(64, 64), exif=exif(1, place=True)),
        after=check_uploads(without=b"Kamera"),
    ),
    *(
        edit("I10", kind, saved(scene(64, 64), kind), after=check_uploads(size=(64, 64)))
        for kind in ("AVIF", "TIFF", "BMP", "ICO", "GIF")
    ),
    edit("I10", "TIFF with a thumbnail", thumbnail_first, after=check_uploads(size=(64, 48))),
    edit("I2", "a camera raw file", lambda: with_tags(t50706=b"\1\4\0\0")),
    edit("I10", "HEIC", HEIC.read_bytes, after=check_uploads(size=(96, 64))),
    edit("I9", "a video after the image", PNG + b"ftypmp42 Kamera", after=check_uploads(without=b"Kamera")),
    edit("I9", "an image after the image", JPEG + UPRIGHT, after=check_uploads(without=b"Kamera")),
    edit("I11", "JPEG", JPEG, after=check_uploads(format="JPEG")),
    edit("I11", "WebP", saved(scene(64, 64), "WEBP"), after=check_uploads(format="WEBP")),
    mask_case("I12", "another size", lambda: saved(mask_of(64, 64, (0, 0, 9, 9)))),
    mask_case("I12", "an opaque image in color", lambda: saved(scene(320, 200))),
    mask_case("I12", "nothing transparent", lambda: saved(mask_of(320, 200, (0, 0, 0, 0)))),
    mask_case("I12", "a JPEG", lambda: saved(scene(320, 200), "JPEG")),
    mask_case("I12", "black", lambda: saved(Image.new("L", (320, 200)))),
    mask_case("I12", "empty", lambda: b""),
    mask_case("I13", "white", lambda: saved(Image.new("L", (320, 200), 255))),
    mask_case("I13", "clear", lambda: saved(mask_of(320, 200, (0, 0, 320, 200)))),
    Case(id="I14", case="missing", command=("edit", "nothing.png", "a cat")),
    Case(
        id="I14",
        case="a folder",
        command=EDIT,
        before=replace_photo(lambda place: (place.folder / "photo.png").mkdir()),
    ),
    *(
        Case(
            id="I14",
            case=f"a link to {to}",
            command=EDIT,
            before=replace_photo(link_to(to)),
        )
        for to in ("nothing", "photo.png")
    ),
    Case(
        id="I14",
        case="no right to read",
        command=EDIT,
        child=Child(shell="chmod 0 photo.png", by=powerless()),
        needs=rights_hold,
    ),
    Case(id="I15", case="a device without end", command=("edit", "/dev/zero", "a cat")),
    Case(
        id="I15",
        case="a pipe that nobody writes to",
        command=EDIT,
        before=replace_photo(lambda place: os.mkfifo(place.folder / "photo.png")),
        slow=True,
    ),
    Case(id="I15", case="a closed stdin", command=("edit", "-", "a cat"), child=Child(streams="0<&-")),
    Case(id="I15", case="an empty stdin", command=("edit", "-", "a cat")),
    Case(
        id="I16",
        case="before it is sent again",
        command=("edit", "photo.bin", "a cat"),
        before=lambda place: photo(place.folder / "photo.bin", format="PNG"),
        posts=(changing, OK),
        replaces=("photo.bin",),
        after=same_twice,
    ),
    *(
        Case(
            id="I17",
            case=case,
            command=("edit", f"./{name}", "a cat", "-o", "cat.png"),
            before=file_named(name),
            after=neutral,
        )
        for case, name in ODD_NAMES.items()
    ),
    edit(
        "I18",
        "503 once",
        lambda: large(1000),
        posts=(refusal("503 Oops", "no", "Retry-After: 0"), OK),
        after=sent_completely_twice,
    ),
)
