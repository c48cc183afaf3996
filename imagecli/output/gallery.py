"""What is printed about a gallery that was written."""

from __future__ import annotations

from imagecli.output.terminal import plural, sanitize
from imagecli.web.gallery import WrittenGallery


def format_written_gallery(written: WrittenGallery) -> str:
    """`gallery of 24 images, 1.9 MB: gallery.html`; in a folder the page alone says nothing about the size."""
    size = f"{written.bytes / 1e6:,.1f} MB" if written.bytes >= 1e6 else f"{max(1, written.bytes // 1000)} kB"
    described = plural(written.images, "image") + (f", {size}" if written.is_one_file else "")
    return f"gallery of {described}: {sanitize(str(written.page))}"
