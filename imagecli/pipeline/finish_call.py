"""The second half of a call: parse the response that the spool holds, then save its images.

Needs only `PreparedCall` and the body, so that `recover` and the Batch API finish their responses in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from pathlib import Path
from typing import IO, NamedTuple

from imagecli.client.download import MAX_PARALLEL, ResultDownloader
from imagecli.domain import SavedImage
from imagecli.errors import ImagecliError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, WarningEvent
from imagecli.http_message import ParsedResponse, ReturnedImage
from imagecli.pipeline.fetch_image import ImageFetcher
from imagecli.pipeline.save import ImageSaver, build_stdout_image
from imagecli.providers.decompress import open_decompressed
from imagecli.providers.error_text import without_surrogates
from imagecli.providers.large_json import CondensedBody, condense_body
from imagecli.providers.response import parse_response
from imagecli.results import CallResult, StdoutImage
from imagecli.worker_pool import run_unordered

ResponseParser = Callable[[bytes, str], ParsedResponse]
"""A body without its long strings, and the base URL → the images in it."""

MAX_FURTHER_URLS = 4
"""So many result URLs are fetched beyond the number of images that were requested; a response could list millions."""
_PROMPT_PIECES = 4
"""A revised prompt is no longer than so many pieces of the file."""


class SpooledResponse(NamedTuple):
    """A parsed response; the base64 text of its images is still in the file."""

    parsed: ParsedResponse
    condensed: CondensedBody


@contextmanager
def open_response(
    body: IO[bytes], saver: ImageSaver, parse: ResponseParser = parse_response
) -> Iterator[SpooledResponse]:
    """The response in *body*, a seekable file that is read in pieces; usable until the block is left.

    Raises UnsavedError or RefusedError if it has no images.
    """
    prepared = saver.prepared
    folders = (saver.rescue_folder.parent, prepared.names[0].folder)
    with open_decompressed(body, folders, saver.on_event) as plain:
        condensed = condense_body(plain)
        yield SpooledResponse(parsed=parse(condensed.body, prepared.base_url), condensed=condensed)


def save_images(
    response: SpooledResponse,
    saver: ImageSaver,
    downloader: ResultDownloader,
    *,
    decode_lock: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    peer: str | None = None,
    release: Callable[[], None] = lambda: None,
) -> CallResult:
    """Saves every image of *response* that can be saved, and damaged ones under a rescue name.

    What goes wrong with one image is in the result's errors. *decode_lock* is held while an image is decoded: many
    threads decoding at the same time are slower than one after the other. *peer* is the address that the request was
    sent to, if it is known: result URLs may lead to the same place. *release* is called when an image for stdout has
    reached it.
    """
    prepared, parsed = saver.prepared, response.parsed
    images, unfetched = _limit_urls(parsed.images, prepared.n + MAX_FURTHER_URLS)
    fetcher = ImageFetcher(
        prepared=prepared,
        condensed=response.condensed,
        downloader=downloader,
        rescue_folder=saver.rescue_folder,
        on_event=saver.on_event,
        decode_lock=decode_lock,
        peer=peer,
    )
    # Decoding is work for one thread at a time, fetching is waiting.
    threads = MAX_PARALLEL if any(image.url for image in images) else 1
    ends = run_unordered(fetcher.fetch, list(enumerate(images)), jobs=threads)
    saved: list[SavedImage] = []
    errors = [*parsed.errors] if len(parsed.images) < prepared.n else []
    stdout_image: StdoutImage | None = None
    # The first image goes to stdout; files are saved as they arrive.
    for end in sorted(ends, key=lambda end: end.index) if prepared.stdout else ends:
        revised_prompt = _revised_prompt(images[end.index], response.condensed)
        try:
            if end.error:
                raise end.error
            assert end.result
            if prepared.stdout and not stdout_image:
                image, staged = saver.prepare_for_stdout(end.index, end.result, revised_prompt)
                stdout_image = build_stdout_image(staged, image, prepared, saver.rescue_folder, release)
                saved.append(image)
            else:
                for image in saver.save(end.index, end.result, revised_prompt):
                    saved.append(image)  # one by one: the first files stay saved if a later one fails
        except Exception as problem:
            # A failure with one image, a bug of ours too, does not concern the others.
            errors.append(to_imagecli_error(problem))
    _warn_of_surplus(parsed, prepared.n, unfetched, saver.on_event)
    if len(parsed.images) < prepared.n and not parsed.errors:
        errors.append(_fewer_images_error(len(parsed.images), prepared.n))
    return CallResult(
        request=prepared.request,
        requested=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=parsed.usage,
        svg_usage=parsed.svg_usage,
        saved=tuple(sorted(saved, key=lambda image: (image.index, image.copy))),
        errors=tuple(errors),
        unfetched=unfetched,
        stdout_image=stdout_image,
    )


def _limit_urls(images: Sequence[ReturnedImage], limit: int) -> tuple[tuple[ReturnedImage, ...], int]:
    """*images* with at most *limit* URLs, and how many images are omitted because their URL is beyond that."""
    fetched: list[ReturnedImage] = []
    urls = unfetched = 0
    for image in images:
        urls += bool(image.url)
        if not image.url or urls <= limit:
            fetched.append(image)
        elif image.b64_json:
            fetched.append(image._replace(url=None))
        else:
            unfetched += 1
    return tuple(fetched), unfetched


def not_fetched(result: CallResult, body: Path | None) -> WarningEvent:
    """The warning that result URLs were not fetched; *body* is where the response is kept."""
    kept = f"; the others are in {body}, which imagecli recover --delete {body.stem} removes" if body else ""
    message = f"the response has {result.unfetched} result URLs too many, which were not fetched{kept}"
    return WarningEvent(code="urls_not_fetched", message=message)


def _revised_prompt(image: ReturnedImage, condensed: CondensedBody) -> str | None:
    """The prompt as the model changed it, complete even if it is long."""
    if image.revised_prompt is None:
        return None
    try:
        text = b"".join(bytes(piece) for piece in islice(condensed.iter_text(image.revised_prompt), _PROMPT_PIECES))
        return without_surrogates(text.decode("utf-8", "replace"))
    except ValueError:
        return None


def _warn_of_surplus(parsed: ParsedResponse, requested: int, unfetched: int, on_event: EventHandler) -> None:
    """Warns of errors beside all the images that were requested, and of more images than that."""
    received = len(parsed.images)
    if received >= requested:
        for error in parsed.errors:
            on_event(WarningEvent(code=error.code, message=error.message))
    if received - unfetched > requested:
        message = f"{received - unfetched} pictures came for {requested}; all are kept"
        on_event(WarningEvent(code="more_pictures", message=message))


def _fewer_images_error(received: int, requested: int) -> UnsavedError:
    return UnsavedError(
        f"{received} of {requested} pictures came", hint="the others may have been billed", code="fewer_pictures"
    )


def is_only_fewer_images(error: ImagecliError) -> bool:
    """Whether the response has nothing more about *error*: it has fewer images, and all of them are saved."""
    return error.code == "fewer_pictures"
