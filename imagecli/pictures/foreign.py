"""What bytes that are no picture of ours look like, in words that finish "it is …"."""

from __future__ import annotations

from imagecli.pictures.view import View

_STARTS = (
    (b"%PDF", "a PDF"),
    (b"BM", "a BMP picture"),
    (b"II*\0", "a TIFF picture"),
    (b"MM\0*", "a TIFF picture"),
    (b"\0\0\1\0", "an icon"),
    (b"\xff\x0a", "a JPEG XL picture"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL picture"),
    (b"\0\0\0\x0cjP", "a JPEG 2000 picture"),
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "a PostScript file"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip file"),
    (b"version https://git-lfs", "a Git LFS pointer, not the picture itself"),
)
_BRANDS = {
    b"avif": "an AVIF picture",
    b"avis": "an AVIF picture",
    **dict.fromkeys((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"), "a HEIC picture"),
}
_HEAD_BYTES = 1_024


def describe(data: View) -> str:
    """What the first bytes look like: "an HTML page", "XML", "JSON", "text", "a PDF", "empty", "unknown bytes" …"""
    if not len(data):
        return "empty"
    head = bytes(data[:_HEAD_BYTES])
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "a video or an unknown picture")
    known = next((words for start, words in _STARTS if head.startswith(start)), None)
    return known or (_text(head) if _is_text(head) else "unknown bytes")


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters; a character cut at the end of *head* is forgiven."""
    try:
        text = head.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < _HEAD_BYTES - 4 or not error.start:
            return False
        text = head[: error.start].decode("utf-8")
    return all(character.isprintable() or character in "\t\n\r\f\ufeff" for character in text)


def _text(head: bytes) -> str:
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        return "an HTML page"
    if start.startswith(b"<"):
        return "an HTML page" if b"<html" in start else "XML"
    return "JSON" if start.startswith((b"{", b"[")) else "text"
