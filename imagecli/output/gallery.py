"""What is printed about a gallery that was written."""

from __future__ import annotations

from imagecli.env import Env
from imagecli.output.json_result import print_json_document
from imagecli.output.terminal import plural, print_note, printable_path, sanitize, write_to_stdout
from imagecli.web.gallery import WrittenGallery


def print_gallery_page(written: WrittenGallery, env: Env) -> None:
    """Prints the path of the page, and a note about what it shows."""
    write_to_stdout(env, f"{printable_path(written.page, env.stdout)}\n".encode("utf-8", "surrogateescape"))
    if written.images:
        print_note(f"it shows {plural(written.images, 'image')}, with prompts and links to files on this machine", env)


def print_gallery_json(written: WrittenGallery, env: Env) -> None:
    """Prints the path of the page and the number of its images as JSON."""
    print_json_document("history", {"gallery": str(written.page.absolute()), "total": written.images}, env)


def format_written_gallery(written: WrittenGallery) -> str:
    """`gallery of 24 images, 1.9 MB: gallery.html`; in a folder the page alone says nothing about the size."""
    size = f"{written.bytes / 1e6:,.1f} MB" if written.bytes >= 1e6 else f"{max(1, written.bytes // 1000)} kB"
    described = plural(written.images, "image") + (f", {size}" if written.is_one_file else "")
    return f"gallery of {described}: {sanitize(str(written.page))}"
