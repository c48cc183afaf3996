"""The second half of a call: parse the response that the spool holds, then fetch and save its images.

Needs only `PreparedCall` and the body, so that `recover` and the Batch API finish their responses in the same way.
Memory does not grow with the images.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from operator import attrgetter
from pathlib import Path
from typing import IO, Final, NamedTuple

from imagecli.client.download import MAX_PARALLEL, ResultDownloader, no_image_error
from imagecli.client.exchange import ProgressHooks
from imagecli.client.spool import SpoolEntry
from imagecli.domain import ImageInfo, SavedImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, WarningEvent
from imagecli.images.identify import NO_IMAGE
from imagecli.pipeline.save import ImageSaver, StagedStdoutImage
from imagecli.pipeline.staged_image import ImageWriter, StagedImage
from imagecli.providers.decompress import open_decompressed
from imagecli.providers.errors import without_surrogates
from imagecli.providers.large_json import CondensedBody, condense_body, decode_base64
from imagecli.providers.response import ParsedResponse, ReturnedImage
from imagecli.results import CallResult, StdoutImage
from imagecli.safe_open import check_still_below, make_private_folder
from imagecli.storage.atomic_write import discard_staged, open_staged, read_in_pieces, translate_disk_errors
from imagecli.worker_pool import run_unordered

MAX_FURTHER_URLS = 4
"""So many result URLs are fetched beyond the number of images that were requested; a response could list millions."""
_PROMPT_PIECES = 4
"""A revised prompt is read up to this many pieces of the file."""


@contextmanager
def open_response(body: IO[bytes], saver: ImageSaver) -> Iterator[CondensedBody]:
    """The response in *body*, a seekable file that is read in pieces, to be parsed; usable until the block is left."""
    folders = (saver.rescue_folder.parent, saver.prepared.names[0].folder)
    with open_decompressed(body, folders, saver.on_event) as plain:
        yield condense_response(plain)


def condense_response(plain: IO[bytes]) -> CondensedBody:
    """As `condense_body`; of an error that quotes a response with images, that response."""
    condensed = condense_body(plain)
    if any(name in condensed.body for name in _ERROR_FIELDS):
        # Imported here because most responses are not errors.
        from imagecli.providers.quoted_response import find_quoted_response

        return find_quoted_response(condensed) or condensed
    return condensed


_ERROR_FIELDS: Final = (b'"error"', b'"detail"', b'"message"')


def save_images(
    parsed: ParsedResponse,
    condensed: CondensedBody,
    saver: ImageSaver,
    downloader: ResultDownloader,
    *,
    decode_lock: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    peer: str | None = None,
    entry: SpoolEntry | None = None,
) -> CallResult:
    """Saves every image of a response that can be saved, and damaged ones under a rescue name.

    The base64 text of the *parsed* images is in the *condensed* body. What goes wrong with one image is in the result's
    errors. *decode_lock* is held while an image is decoded: many threads decoding at the same time are slower than one
    after the other. *peer* is the address that the request was sent to, if it is known: result URLs may lead to the
    same place. *entry* holds the response, and is closed when an image for stdout has reached it.
    """
    prepared = saver.prepared
    images, unfetched = _limit_urls(parsed.images, prepared.n + MAX_FURTHER_URLS)
    fetcher = ImageFetcher(
        condensed=condensed,
        downloader=downloader,
        saver=saver,
        decode_lock=decode_lock,
        peer=peer,
    )
    fetched_images: Iterable[FetchedImage]
    if any(image.url for image in images):
        fetched_images = run_unordered(fetcher.fetch, list(enumerate(images)), jobs=MAX_PARALLEL)
    else:  # decoding is work for one thread at a time
        fetched_images = map(fetcher.fetch, enumerate(images))
    if prepared.stdout:  # the first image goes to stdout; files are saved as they arrive
        fetched_images = sorted(fetched_images, key=attrgetter("number"))
    saved: list[SavedImage] = []
    errors = [*parsed.errors] if parsed.received < prepared.n else []
    stdout_image: StdoutImage | None = None
    for fetched in fetched_images:
        if fetched.staged is None:
            errors.append(fetched.error or _empty_item_error())
            continue
        revised_prompt = _revised_prompt(fetched.image, condensed)
        try:
            if prepared.stdout and not stdout_image:
                image, staged = saver.prepare_for_stdout(fetched.number, fetched.staged, revised_prompt)
                stdout_image = StagedStdoutImage(path=staged.path, image=image, saver=saver, entry=entry)
                saved.append(image)
            else:
                for image in saver.save(fetched.number, fetched.staged, revised_prompt):
                    saved.append(image)  # one by one: the first files stay saved if a later one fails
        except Exception as problem:
            # A failure with one image, a bug of ours too, does not concern the others.
            errors.append(to_imagecli_error(problem))
    _warn_of_surplus(parsed, prepared.n, unfetched, saver.on_event)
    if prepared.transparent:
        _warn_of_opaque_images(saved, stdout_image, saver.on_event, decode_lock)
    if len(parsed.images) < prepared.n and not parsed.errors:
        errors.append(_fewer_images_error(parsed.received, prepared.n))
    return CallResult(
        request=prepared.request,
        requested=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=parsed.usage,
        svg_usage=parsed.svg_usage,
        saved=tuple(sorted(saved, key=attrgetter("index", "copy"))),
        errors=tuple(errors),
        unfetched=unfetched,
        stdout_image=stdout_image,
    )


def _warn_of_opaque_images(
    saved: Sequence[SavedImage],
    stdout_image: StdoutImage | None,
    on_event: EventHandler,
    decode_lock: AbstractContextManager[object],
) -> None:
    """Warns if transparency is missing. Never raises: the images are paid for and saved."""
    try:
        from imagecli.pipeline.check_result import opaque_image_warning, received_path

        with decode_lock:
            images = [(image, received_path(image, stdout_image)) for image in saved if not image.copy]
            warning = opaque_image_warning(images)
        if warning:
            on_event(warning)
    except Exception as problem:
        on_event(WarningEvent(code="bug", message=to_imagecli_error(problem).message))


def is_spent(result: CallResult, parsed: ParsedResponse) -> bool:
    """Whether nothing more can be saved of a response: what failed is what the response itself lacks."""
    return not (result.unfetched or result.stdout_image) and all(
        error in parsed.errors or is_only_fewer_images(error) or error.code == "damaged" for error in result.errors
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
    kept = f"; all are in {body}, which imagecli recover --delete {body.stem} removes" if body else ""
    message = f"the response has more result URLs than expected; {result.unfetched} not downloaded{kept}"
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
    received = parsed.received
    if received >= requested:
        for error in parsed.errors:
            on_event(WarningEvent(code=error.code, message=error.message))
    if received - unfetched > requested:
        message = f"the server returned {received - unfetched} images instead of {requested}; all are saved"
        on_event(WarningEvent(code="more_pictures", message=message))


def _fewer_images_error(received: int, requested: int) -> UnsavedError:
    return UnsavedError(
        f"received {received} of {requested} images", hint="the others may have been billed", code="fewer_pictures"
    )


def is_only_fewer_images(error: ImagecliError) -> bool:
    """Whether the response has nothing more about *error*: it has fewer images, and all of them are saved."""
    return error.code == "fewer_pictures"


class FetchedImage(NamedTuple):
    """One image of a response, on the disk; or why it isn't."""

    number: int
    """Its index in the response."""
    image: ReturnedImage
    staged: StagedImage | None = None
    error: ImagecliError | None = None


class ImageFetcher(NamedTuple):
    """Fetches the images of one response. Threads may fetch at the same time."""

    condensed: CondensedBody
    downloader: ResultDownloader
    saver: ImageSaver
    """Its rescue folder is for images whose own folder can't be written to, and for those that wait for stdout."""
    decode_lock: AbstractContextManager[object]
    """Held while base64 is decoded."""
    peer: str | None = None
    """The address that the request was sent to."""

    def fetch(self, numbered: tuple[int, ReturnedImage]) -> FetchedImage:
        """An image by its index, from its base64; from its URL if it has none, or if it is damaged. Never raises.

        What an earlier attempt has rescued is used first: its URL may have expired.
        """
        index, image = numbered
        best: StagedImage | None = None
        failures: list[ImagecliError] = []
        for source, lock in self._sources(index, image):
            try:
                with lock:
                    staged = self._stage(index, source)
            except Exception as problem:
                failures.append(to_imagecli_error(problem))
                continue
            if best and not staged.identity.is_complete:
                discard_staged(staged.path)
                continue
            if best:
                discard_staged(best.path)
            best = staged
            if best.identity.is_complete:
                break
        error = None if best else _choose_failure(failures, image)
        return FetchedImage(number=index, image=image, staged=best, error=error)

    def _sources(
        self, index: int, image: ReturnedImage
    ) -> Iterator[tuple[ReturnedImage | Path, AbstractContextManager[object]]]:
        """*image* with only one of the places that its bytes can be taken from, or a file; what to hold meanwhile."""
        if rescued := self.saver.find_rescued(index):
            yield rescued, nullcontext()
        if image.b64_json or image.is_body:
            yield image._replace(url=None), self.decode_lock
        if image.url:
            yield image._replace(b64_json=None), nullcontext()

    def _stage(self, index: int, source: ReturnedImage | Path) -> StagedImage:
        """In the image's folder; or in the rescue folder, readable only by the user, if that fails.

        Raises UnsavedError if it can't be decoded or downloaded, DiskError if it can't be written.
        """
        prepared, rescue_folder = self.saver.prepared, self.saver.rescue_folder
        folder = prepared.name(index).folder
        disk_error = None
        if index not in self.saver.extras and (index or not prepared.stdout):
            try:
                check_still_below(folder, self.saver.root)
                with translate_disk_errors(folder), open_staged(folder, label=prepared.id) as file:
                    return self._fill(ImageWriter(file), source)
            except DiskError as error:
                disk_error = error
        with translate_disk_errors(rescue_folder):
            make_private_folder(rescue_folder)
            with open_staged(rescue_folder, label=prepared.id, mode=0o600) as file:
                return self._fill(ImageWriter(file), source)._replace(disk_error=disk_error)

    def _fill(self, writer: ImageWriter, source: ReturnedImage | Path) -> StagedImage:
        """Writes the bytes of *source*."""
        if not isinstance(source, Path) and source.url:
            return writer.describe(self._download(source.url, writer))
        try:
            for piece in read_in_pieces(source) if isinstance(source, Path) else self._pieces(source):
                writer.write(piece)
        except ValueError as error:
            raise UnsavedError("an image in the response is not valid base64", code="not_base64") from error
        return writer.describe(writer.inspect())

    def _pieces(self, image: ReturnedImage) -> Iterator[bytes | memoryview]:
        """The bytes of an image that the response holds. Raises ValueError, UnsavedError."""
        if image.is_body:
            return self.condensed.iter_file()
        return decode_base64(self.condensed.iter_text(image.b64_json or ""))

    def _download(self, url: str, writer: ImageWriter) -> ImageInfo:
        """Downloads until the image is complete, or until the downloader gives up. Returns what arrived.

        Raises UnsavedError if that is a page or another text: its URL may still lead to the image later.
        """
        prepared = self.saver.prepared
        hooks = ProgressHooks(prepared.request, self.saver.on_event)
        for _ in self.downloader.fetch(url, writer, hooks, base_url=prepared.base_url, peer=self.peer):
            identity = writer.inspect()
            if identity.is_complete:
                break
        if identity.problem in NO_IMAGE:
            raise no_image_error(url, identity.problem)
        return identity


def _choose_failure(failures: list[ImagecliError], image: ReturnedImage) -> ImagecliError:
    """Why there is no image, with the hint for a URL that does not answer."""
    if not failures:
        return image.error or _empty_item_error()
    if image.hint and failures[-1].code == "result_url":
        return failures[-1].with_facts(hint=image.hint)
    return failures[-1]


def _empty_item_error() -> UnsavedError:
    return UnsavedError("an item of the response has no image", code="empty_item")
