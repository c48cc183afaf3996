"""The files of a gallery: what is written, reused, removed and never overwritten."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from imagecli.errors import DiskError, OutputError
from imagecli.events import Event, GalleryProgress
from imagecli.web.gallery import Gallery, GalleryImage, GalleryInput, write_gallery
from imagecli.web.gallery_target import check_gallery_target, is_gallery_page, parse_gallery_target
from tests.file_permissions import file_permissions_enforced
from tests.web.galleries import image_file, make_image, make_images, write


def gallery_images(page: Path) -> list[dict[str, Any]]:
    """The images as the page describes them."""
    text = page.read_text("utf-8")
    data = text.partition('<script type="application/json" id="data">')[2].partition("</script>")[0]
    images: list[dict[str, Any]] = json.loads(data)["images"]
    return images


def test_a_file_contains_everything_and_a_folder_has_previews_beside_its_page(tmp_path: Path) -> None:
    images = make_images(tmp_path / "pics", 3)
    one = write(images, tmp_path / "gallery.html")
    assert [image["thumb"][:23] for image in gallery_images(one.page)] == ["data:image/webp;base64,"] * 3
    assert one.bytes == one.page.stat().st_size
    many = write(images, f"{tmp_path / 'gallery'}/")
    assert sorted(path.name for path in (tmp_path / "gallery").iterdir()) == ["index.html", "thumbnails"]
    assert {image["thumb"] for image in gallery_images(many.page)} == {
        f"thumbnails/{path.name}" for path in (tmp_path / "gallery" / "thumbnails").iterdir()
    }


def test_a_second_run_creates_only_the_previews_of_new_images(tmp_path: Path) -> None:
    images = make_images(tmp_path / "pics", 3)
    write(images[:2], f"{tmp_path / 'gallery'}/")
    previews = tmp_path / "gallery" / "thumbnails"
    before = {path.name: path.stat().st_ino for path in previews.iterdir()}
    write(images, f"{tmp_path / 'gallery'}/")
    after = {path.name: path.stat().st_ino for path in previews.iterdir()}
    assert before.items() <= after.items()
    assert len(after) == 3


def test_previews_of_images_that_are_gone_are_removed_and_other_files_stay(tmp_path: Path) -> None:
    images = make_images(tmp_path / "pics", 3)
    write(images, f"{tmp_path / 'gallery'}/")
    previews = tmp_path / "gallery" / "thumbnails"
    (previews / "mine.webp").write_bytes(b"mine")
    (previews / ".imagecli-gallery-0123456789abcdef.part").write_bytes(b"interrupted")
    write(images[:1], f"{tmp_path / 'gallery'}/")
    assert sorted(path.name for path in previews.iterdir()) == [f"{images[0].sha256}-480.webp", "mine.webp"]


def test_the_preview_of_a_deleted_image_is_still_shown(tmp_path: Path) -> None:
    images = make_images(tmp_path / "pics", 1)
    write(images, f"{tmp_path / 'gallery'}/")
    assert images[0].file
    images[0].file.unlink()
    (image,) = gallery_images(write(images, f"{tmp_path / 'gallery'}/").page)
    assert image["thumb"] == f"thumbnails/{images[0].sha256}-480.webp"
    assert (image["file"], image["note"]) == (None, "file not found: moved or deleted since")


def test_a_changed_file_is_shown_as_it_is_now(tmp_path: Path) -> None:
    image = make_image(tmp_path / "pics", 0)
    write([image], f"{tmp_path / 'gallery'}/")
    assert image.file
    image.file.write_bytes(
        image_file(tmp_path / "other.png", (1, 2, 3), size=image.size or pytest.fail()).read_bytes() + b" "
    )
    (changed,) = gallery_images(write([image], f"{tmp_path / 'gallery'}/").page)
    assert changed["thumb"] not in (None, f"thumbnails/{image.sha256}-480.webp")
    assert changed["note"] == "the file was changed since"


def test_links_are_relative_below_the_page_and_absolute_elsewhere(tmp_path: Path) -> None:
    inside = make_image(tmp_path / "site" / "my pics", 0)
    outside = make_image(tmp_path / "elsewhere", 1)
    images = gallery_images(write([inside, outside], tmp_path / "site" / "gallery.html").page)
    assert images[0]["file"] == "./my%20pics/0000.png"
    assert images[1]["file"] == (tmp_path / "elsewhere" / "0001.png").as_uri()


def test_a_portable_gallery_has_copies_and_no_paths_of_this_machine(tmp_path: Path) -> None:
    image = make_image(tmp_path / "pics", 0)
    image = image._replace(inputs=(GalleryInput(name="in.png", file=image_file(tmp_path / "in.png")),))
    (entry,) = gallery_images(write([image], f"{tmp_path / 'site'}/", portable=True).page)
    copy = tmp_path / "site" / entry["file"]
    assert image.file
    assert copy.read_bytes() == image.file.read_bytes()
    assert entry["inputs"][0]["thumb"].startswith("thumbnails/")
    one = write([image], tmp_path / "other" / "gallery.html", portable=True).page
    (entry,) = gallery_images(one)
    assert entry["file"] is None
    assert "file:///" not in one.read_text("utf-8")


def test_a_file_that_is_not_an_image_is_listed_with_the_reason(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(image_file(tmp_path / "a.png").read_bytes()[:60])
    text = tmp_path / "text.png"
    text.write_text("hello")
    images = [GalleryImage(id=path.name, file=path) for path in (broken, text)]
    entries = gallery_images(write(images, tmp_path / "gallery.html").page)
    assert [image["thumb"] for image in entries] == [None, None]
    assert "broken.png" in entries[0]["note"]
    assert "text.png" in entries[1]["note"]


def test_names_in_any_encoding_become_addresses(tmp_path: Path) -> None:
    file = image_file(tmp_path / "pics" / "a #?%.png")
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/pics/\xff.png"))
    try:
        odd.write_bytes(file.read_bytes())
    except OSError:
        pytest.skip("this disk accepts only names in UTF-8")
    images = [GalleryImage(id=str(number), file=path) for number, path in enumerate((file, odd))]
    entries = gallery_images(write(images, tmp_path / "gallery.html").page)
    assert [image["file"] for image in entries] == ["./pics/a%20%23%3F%25.png", "./pics/%FF.png"]


@pytest.mark.parametrize("name", ["gallery", "gallery.txt", ""])
def test_a_target_is_an_html_file_or_a_folder(name: str) -> None:
    with pytest.raises(OutputError, match="neither an HTML file nor a folder"):
        parse_gallery_target(name, "-o")


def test_only_an_earlier_gallery_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "gallery.html"
    write([], page)
    assert is_gallery_page(page)
    check_gallery_target(parse_gallery_target(str(page), "-o"))
    for text in ("<html>mine</html>", f'{"x" * 600}<meta name="generator" content="imagecli gallery">'):
        page.write_text(text)
        with pytest.raises(OutputError, match="does not belong to an earlier gallery"):
            check_gallery_target(parse_gallery_target(str(page), "-o"))
        assert page.read_text() == text


@pytest.mark.parametrize("name", ["index.html", "thumbnails", "images"])
def test_a_folder_with_files_of_others_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(OutputError, match=f"{name} exists"):
        check_gallery_target(parse_gallery_target(str(tmp_path), "-o"))


@pytest.mark.parametrize("name", ["index.html", "thumbnails", "images"])
def test_nothing_is_written_through_a_link(tmp_path: Path, name: str) -> None:
    target = parse_gallery_target(f"{tmp_path / 'gallery'}/", "-o")
    write([], f"{tmp_path / 'gallery'}/")
    link = tmp_path / "gallery" / name
    if link.is_dir():
        link.rmdir()
    elif link.exists():
        link.unlink()
    link.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OutputError, match="is a link"):
        check_gallery_target(target)


def test_a_folder_that_can_t_be_written_is_an_error(tmp_path: Path) -> None:
    place = tmp_path / "closed"
    place.mkdir(mode=0o500)
    with file_permissions_enforced(), pytest.raises(OutputError, match="can't save to") as caught:
        check_gallery_target(parse_gallery_target(str(place / "gallery.html"), "--gallery"))
    assert caught.value.hint == "choose another folder with --gallery"


def test_a_disk_error_is_reported_and_the_earlier_page_stays(tmp_path: Path) -> None:
    images = make_images(tmp_path / "pics", 2)
    page = write(images[:1], f"{tmp_path / 'gallery'}/").page
    before = page.read_bytes()
    (tmp_path / "gallery" / "thumbnails").chmod(0o500)
    with file_permissions_enforced(), pytest.raises(DiskError, match=r"can't write .*thumbnails"):
        write(images, page.parent)
    assert page.read_bytes() == before


def test_progress_counts_each_file_once(tmp_path: Path) -> None:
    image = make_image(tmp_path / "pics", 0)
    events: list[Event] = []
    target = parse_gallery_target(str(tmp_path / "gallery.html"), "-o")
    write_gallery(Gallery(title="x", images=(image, image._replace(id="again"))), target, events.append)
    assert [(event.done, event.total) for event in events if isinstance(event, GalleryProgress)] == [(1, 1)]
