"""Location and camera data are removed, without encoding the image again."""

from __future__ import annotations

import zlib

import pytest
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from imagecli.domain import InputFit
from imagecli.images.integrity import inspect_image
from imagecli.images.strip_metadata import has_metadata, strip_metadata
from tests.images.sample_images import (
    CLASSIC,
    GPT,
    exif,
    fitted,
    opened,
    saved,
    scene,
    segment,
    with_chunk,
    with_segment,
)

PLACE = exif(place=True)
XMP = b"<x:xmpmeta><exif:GPSLatitude>47,22.2N</exif:GPSLatitude></x:xmpmeta>"
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
BARE = {"png": saved(scene()), "jpeg": saved(scene(), "JPEG"), "webp": saved(scene(), "WEBP")}


def png_text(keyword: str) -> bytes:
    text = PngInfo()
    text.add_text(keyword, "47,22.2N")
    return saved(scene(), pnginfo=text)


def with_webp_chunk(data: bytes, kind: bytes, content: bytes) -> bytes:
    body = data[8:] + kind + len(content).to_bytes(4, "little") + content
    return b"RIFF" + len(body).to_bytes(4, "little") + body


TELLING = {
    "png exif": saved(scene(), exif=PLACE),
    "png xmp": png_text("XML:com.adobe.xmp"),
    "png raw profile": png_text("Raw profile type exif"),
    "png exif keyword": png_text("exif:GPSLatitude"),
    "png comment": png_text("Comment"),
    "png private chunk": with_chunk(BARE["png"], b"skRf", b"the screenshot before it was cropped, 47,22.2N"),
    "jpeg exif": saved(scene(), "JPEG", exif=PLACE),
    "jpeg xmp": saved(scene(), "JPEG", xmp=XMP),
    "jpeg comment": saved(scene(), "JPEG", comment=b"at 47,22.2N"),
    "jpeg iptc": with_segment(BARE["jpeg"], 0xED, b"Photoshop 3.0\0" + XMP),
    "jpeg maker": with_segment(BARE["jpeg"], 0xE4, b"maker" + XMP),
    "jpeg second picture": saved(scene(), "MPO", save_all=True, append_images=[scene()], exif=PLACE),
    "webp exif": saved(scene(), "WEBP", exif=PLACE),
    "webp xmp": saved(scene(), "WEBP", xmp=XMP),
    "webp unknown chunk": with_webp_chunk(BARE["webp"], b"JUNK", b"maker 47,22.2N"),
    "webp alpha": saved(Image.new("RGBA", (60, 40)), "WEBP", exif=PLACE, xmp=XMP, icc_profile=PROFILE),
}


@pytest.mark.parametrize("name", TELLING)
def test_location_and_camera_data_are_removed_without_encoding(name: str) -> None:
    data = TELLING[name]
    result = fitted(data, GPT)
    sent = result.image.data
    assert result.changes[0] == "private metadata removed"
    assert len(sent) < len(data) and inspect_image(sent).is_complete
    assert not has_metadata(sent, result.image.format)
    assert all(word not in sent for word in (b"Kamera", b"47,22", b"GPS", b"Exif\0\0"))
    assert opened(sent).tobytes() == opened(data).tobytes()


def test_the_flags_of_a_webp_announce_no_removed_metadata() -> None:
    assert TELLING["webp alpha"][20] & 0x0C == 0x0C
    assert fitted(TELLING["webp alpha"]).image.data[20] & 0x3C == 0x30


VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0isommp42" + b"\0\0\0\x20udta\xa9xyz 47,22.2N" + bytes(500)


@pytest.mark.parametrize(
    "trailer",
    [VIDEO, TELLING["jpeg exif"], TELLING["png exif"], b"Image_UTC_Data47,22.2N", b"\n"],
    ids=["video", "jpeg", "png", "maker", "line"],
)
@pytest.mark.parametrize("format", BARE)
def test_bytes_after_the_end_of_an_image_are_not_sent(format: str, trailer: bytes) -> None:
    result = fitted(BARE[format] + trailer, GPT)
    assert (result.image.data, result.changes) == (BARE[format], ("data after the end of the image removed",))
    result_ = fitted(BARE[format] + trailer, GPT, InputFit(keep_metadata=True))
    assert result_.image.data == BARE[format] + trailer


def test_the_pixels_of_a_jpeg_without_an_end_marker_stay() -> None:
    data = TELLING["jpeg exif"].removesuffix(b"\xff\xd9")
    sent = fitted(data, GPT).image.data
    assert inspect_image(sent).is_complete
    assert opened(sent + b"\xff\xd9").tobytes() == opened(data + b"\xff\xd9").tobytes()


@pytest.mark.parametrize("kind", [b"tEXt", b"zTXt", b"iTXt", b"iCCP"])
def test_a_png_with_more_text_than_a_decoder_accepts_is_an_input(kind: bytes) -> None:
    large = b"A" * 2_000_000
    data = {
        b"tEXt": b"workflow\0" + large,
        b"zTXt": b"workflow\0\0" + zlib.compress(large),
        b"iTXt": b"workflow\0\1\0\0\0" + zlib.compress(large),
        b"iCCP": b"profile\0\0" + zlib.compress(large),
    }[kind]
    image = with_chunk(BARE["png"], kind, data)
    assert fitted(image, GPT).image.data == image
    assert fitted(image, CLASSIC).image.format == "png"


@pytest.mark.parametrize("name", TELLING)
def test_keep_metadata_sends_the_file_unchanged(name: str) -> None:
    result = fitted(TELLING[name], GPT, InputFit(keep_metadata=True))
    assert result.image.data == TELLING[name]
    assert result.changes == ()


@pytest.mark.parametrize("format", BARE)
def test_an_image_without_metadata_is_unchanged(format: str) -> None:
    assert strip_metadata(BARE[format], format) is None


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_the_color_profile_stays(format: str) -> None:
    data = saved(scene(), format, exif=PLACE, icc_profile=PROFILE)
    assert opened(fitted(data).image.data).info["icc_profile"] == PROFILE


def test_harmless_text_stays() -> None:
    assert fitted(png_text("Title")).image.data == png_text("Title")


@pytest.mark.parametrize(
    "data",
    [
        with_chunk(BARE["png"], b"caBX", b"jumb c2pa"),
        with_segment(BARE["jpeg"], 0xEB, b"JP\0\1 jumb c2pa"),
    ],
    ids=["png", "jpeg"],
)
def test_content_credentials_stay_if_nothing_else_is_removed(data: bytes) -> None:
    assert fitted(data).image.data == data


@pytest.mark.parametrize(
    "data",
    [
        with_chunk(saved(scene(), exif=PLACE), b"caBX", b"jumb c2pa"),
        with_segment(saved(scene(), "JPEG", exif=PLACE), 0xEB, b"JP\0\1 jumb c2pa"),
    ],
    ids=["png", "jpeg"],
)
def test_content_credentials_are_removed_with_the_bytes_they_signed(data: bytes) -> None:
    assert b"c2pa" in data
    assert b"c2pa" not in fitted(data).image.data


def test_an_animated_png_keeps_its_frames() -> None:
    frames = [scene(), scene().rotate(180)]
    data = saved(frames[0], save_all=True, append_images=frames[1:])
    assert b"fdAT" in data and strip_metadata(data, "png") is None


def test_an_animated_webp_loses_its_metadata_and_no_frame() -> None:
    frames = [scene(), scene().rotate(180)]
    data = saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], exif=PLACE)
    cut = strip_metadata(data, "webp")
    assert cut and inspect_image(cut).is_complete
    assert getattr(opened(cut), "n_frames", 1) == 2


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
def test_encoding_again_keeps_no_metadata(format: str) -> None:
    options = {} if format == "PNG" else {"xmp": XMP} if format != "TIFF" else {}
    data = saved(scene(64, 40), format, exif=exif(6, place=True), **options)
    from_turned = fitted(data)
    assert "private metadata removed" in from_turned.changes
    assert all(word not in from_turned.image.data for word in (b"Kamera", b"47,22", b"Exif\0\0"))


def test_keep_metadata_keeps_the_camera_but_not_the_orientation_it_applied() -> None:
    data = saved(scene(64, 40), "JPEG", exif=exif(6, place=True))
    result = fitted(data, framing=InputFit(keep_metadata=True))
    result_ = opened(result.image.data).getexif()
    assert result.changes == ("rotated upright",)
    assert result_[0x010F] == "Kamera" and result_[0x0112] == 1


def test_segments_between_scans_are_found_too() -> None:
    progressive = saved(scene(300, 200), "JPEG", progressive=True)
    at = progressive.rfind(b"\xff\xda")
    data = progressive[:at] + segment(0xFE, b"at 47,22.2N") + progressive[at:]
    result = fitted(data)
    assert b"47,22" not in result.image.data
    assert opened(result.image.data).tobytes() == opened(progressive).tobytes()
