"""`imagecli history gallery`: a page with the images of the history."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from imagecli.catalog.provider import ProviderRow
from imagecli.commands.browser import has_browser, open_browser
from imagecli.commands.history_actions import describe_nothing_found, print_history_notes, without_default_url
from imagecli.config.paths import find_folders
from imagecli.config.user_catalog import load_user_catalog
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.history.command_line import build_command_line
from imagecli.history.database import open_history
from imagecli.history.query import HistoryFilter, HistoryImage, list_images
from imagecli.output.gallery import print_gallery_json, print_gallery_page
from imagecli.output.progress import open_progress
from imagecli.output.terminal import DisplayOptions, print_note
from imagecli.quoting import quote_command_for_pasting
from imagecli.web.gallery import Gallery, GalleryImage, GalleryInput, write_gallery
from imagecli.web.gallery_target import check_gallery_target, parse_gallery_target


def write_history_gallery(choice: HistoryFilter, output: str, env: Env, *, show: bool, as_json: bool) -> None:
    """Writes the gallery of the images that *choice* selects to *output*, and prints its path; *show* opens it.

    Raises UsageError if it selects none, so that a page from an earlier run stays; OutputError, DiskError.
    """
    target = parse_gallery_target(env.expand_home(output), "-o")
    check_gallery_target(target)
    with open_history(find_folders(env).state) as history:
        images = list_images(history.connection, choice)
    if not images and choice._replace(limit=None) != HistoryFilter():
        raise UsageError("no image matches; no page was written", hint="imagecli history list prints the newest images")
    gallery = build_history_gallery(images, load_user_catalog(env).providers)
    with open_progress(env, DisplayOptions.build(env=env, json=as_json)) as progress:
        result = write_gallery(gallery, target, progress)
    if as_json:
        print_gallery_json(result, env)
    else:
        print_gallery_page(result, env)
        if not images:
            print_note(describe_nothing_found(choice), env)
        print_history_notes(history, env)
    if show:
        if has_browser(env):
            open_browser(result.page.absolute().as_uri(), env)
        else:
            print_note("there is no browser to open it in", env)


def build_history_gallery(images: Sequence[HistoryImage], providers: Mapping[str, ProviderRow]) -> Gallery:
    """The gallery of *images*, the newest first."""
    ids = {image.id for image in images}
    return Gallery(
        title="Image history",
        images=tuple(_describe_image(without_default_url(image, providers), ids) for image in images),
        empty="No image of the history is selected.",
        has_ids=True,
    )


def _describe_image(image: HistoryImage, ids: Collection[str]) -> GalleryImage:
    """*ids* are those of the images in the gallery."""
    recorded = [file.path or Path(file.name) for file in image.inputs]
    words = ("imagecli", *build_command_line(image, recorded))
    return GalleryImage(
        id=image.id,
        file=image.path,
        prompt=image.prompt or "",
        revised_prompt=image.revised_prompt,
        model=image.model,
        provider=image.provider,
        created=image.created,
        cost_usd=image.cost_usd,
        size=image.size,
        bytes=image.bytes,
        sha256=image.sha256,
        command=quote_command_for_pasting(words),
        inputs=tuple(
            GalleryInput(
                name=file.path.name if file.path else file.name,
                file=file.path,
                sha256=file.sha256,
                id=file.parent if file.parent in ids else None,
            )
            for file in image.inputs
            if file.role == "image"
        ),
        state="" if image.path else "written to stdout",
    )
