"""What is printed about a gallery that was written."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.output.json_result import print_json_document
from imagecli.output.terminal import plural, print_note, printable_path, sanitize, write_to_stdout
from imagecli.web.gallery import WrittenGallery


def print_gallery_page(gallery: WrittenGallery, env: Env) -> None:
    """Prints the path of the page, and a note about what it shows."""
    write_to_stdout(env, f"{printable_path(gallery.page, env.stdout)}\n".encode("utf-8", "surrogateescape"))
    if gallery.images:
        print_note(f"it shows {plural(gallery.images, 'image')}, with prompts and links to files on this machine", env)


def print_gallery_json(gallery: WrittenGallery, env: Env) -> None:
    """Prints the path of the page and the number of its images as JSON."""
    print_json_document("history", {"gallery": str(gallery.page.absolute()), "total": gallery.images}, env)


def format_written_gallery(gallery: WrittenGallery) -> str:
    """`gallery of 24 images, 1.9 MB: gallery.html`; in a folder the page alone says nothing about the size."""
    size = f"{gallery.bytes / 1e6:,.1f} MB" if gallery.bytes >= 1e6 else f"{max(1, gallery.bytes // 1000)} kB"
    summary = plural(gallery.images, "image") + (f", {size}" if gallery.is_one_file else "")
    return f"gallery of {summary}: {sanitize(str(gallery.page))}"
