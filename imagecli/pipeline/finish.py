"""The half after the answer came: decode, gather, deliver. Needs only `PreparedCall` and the body, in any process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

from imagecli.client.download import MAX_PARALLEL, ResultDownloader
from imagecli.errors import ImagecliError, UnsavedError, to_imagecli_error
from imagecli.events import EventHandler, WarningEvent
from imagecli.http_message import ParsedResponse, ReturnedImage
from imagecli.pipeline.fetch_image import ImageFetcher, StagedImage
from imagecli.pipeline.save import ImageSaver, build_stdout_image
from imagecli.prepared import PreparedCall
from imagecli.providers.decompress import open_decompressed
from imagecli.providers.error_text import without_surrogates
from imagecli.providers.large_json import CondensedBody, condense_body
from imagecli.providers.response import parse_response
from imagecli.results import CallResult
from imagecli.worker_pool import WorkDone, run_unordered

MAX_FURTHER_URLS = 4
"""So many result URLs are fetched beyond the number of images that were requested; a response could list millions."""
_PROMPT_PIECES = 4
"""A revised prompt is no longer than so many pieces of the file."""


def finish_call(
    prepared: PreparedCall,
    body: IO[bytes],
    results: ResultDownloader,
    rescue_folder: Path,
    on_event: EventHandler,
    *,
    again: bool = False,
    came: Callable[[CallResult], None] = lambda outcome: None,
    release: Callable[[], None] = lambda: None,
    read: Callable[[bytes, str], ParsedResponse] = parse_response,
    bench: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    peer: str | None = None,
) -> CallResult:
    """Saves what *body* holds: every picture that can be, and under a rescue name what is no whole picture.

    *body* is a file that can be sought in; it is read in pieces. *again*: the answer may have been delivered before,
    in part. *came* is called when the answer is read and none of its pictures is. *release* is called when a picture
    for stdout has reached it. *read* finds the pictures in what is left of the body without its long strings. *bench*
    is held while a picture is decoded: many threads at that are slower than one after the other. *peer* is the address
    that the request was sent to, if it is known: result URLs may lead to the same place.
    Raises UnsavedError or RefusedError where it holds no pictures at all.
    """
    delivery = ImageSaver(prepared=prepared, rescue_folder=rescue_folder, on_event=on_event, is_repeated=again)
    with open_decompressed(body, (rescue_folder.parent, prepared.names[0].folder), on_event) as plain:
        return _parse_and_save(delivery, condense_body(plain), results, came, release, read, bench, peer)


def _parse_and_save(
    delivery: ImageSaver,
    condensed: CondensedBody,
    results: ResultDownloader,
    came: Callable[[CallResult], None],
    release: Callable[[], None],
    read: Callable[[bytes, str], ParsedResponse],
    bench: AbstractContextManager[object],
    peer: str | None,
) -> CallResult:
    prepared, rescue_folder, on_event = delivery.prepared, delivery.rescue_folder, delivery.on_event
    answer = read(condensed.body, prepared.base_url)
    found, unfetched = _within_limit(answer.images, prepared.n + MAX_FURTHER_URLS)
    outcome = CallResult(
        request=prepared.request,
        asked=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=answer.usage,
        svg_usage=answer.svg_usage,
        errors=answer.errors if len(answer.images) < prepared.n else (),
        unfetched=unfetched,
    )
    came(outcome)
    gatherer = ImageFetcher(
        prepared=prepared,
        condensed=condensed,
        downloader=results,
        rescue_folder=rescue_folder,
        on_event=on_event,
        decode_lock=bench,
        peer=peer,
    )
    jobs = list(enumerate(found))
    # Decoding is work for one thread at a time, fetching is waiting.
    threads = MAX_PARALLEL if any(one.url for one in found) else 1
    ends = run_unordered(lambda job: gatherer.fetch(*job), jobs, jobs=threads)
    # Stdout takes the first; files are saved as they come.
    for end in sorted(ends, key=lambda end: end.index) if prepared.stdout else ends:
        try:
            for change in _save_image(outcome, end, _revised_prompt(found[end.index], condensed), delivery, release):
                outcome = change
        except Exception as problem:
            # One picture's trouble, a bug of ours too, is not the others'.
            outcome = replace(outcome, errors=(*outcome.errors, to_imagecli_error(problem)))
    return _check_image_count(outcome, answer, on_event)


def _within_limit(found: Sequence[ReturnedImage], limit: int) -> tuple[tuple[ReturnedImage, ...], int]:
    """*found* with at most *limit* URLs, and how many images are left out because their URL is beyond that."""
    kept: list[ReturnedImage] = []
    urls = unfetched = 0
    for one in found:
        urls += bool(one.url)
        if not one.url or urls <= limit:
            kept.append(one)
        elif one.b64_json:
            kept.append(replace(one, url=None))
        else:
            unfetched += 1
    return tuple(kept), unfetched


def not_fetched(outcome: CallResult, body: Path | None) -> WarningEvent:
    """The warning that result URLs were not fetched; *body* is where the response is kept."""
    kept = f"; the others are in {body}, which imagecli recover --delete {body.stem} removes" if body else ""
    message = f"the response has {outcome.unfetched} result URLs too many, which were not fetched{kept}"
    return WarningEvent(code="urls_not_fetched", message=message)


def _save_image(
    outcome: CallResult,
    end: WorkDone[StagedImage],
    revised_prompt: str | None,
    delivery: ImageSaver,
    release: Callable[[], None],
) -> Iterator[CallResult]:
    """*outcome* with each file that is made of one picture."""
    if end.error:
        raise end.error
    assert end.result
    if not delivery.prepared.stdout or outcome.stdout_image:
        for image in delivery.save(end.index, end.result, revised_prompt):
            outcome = replace(outcome, saved=(*outcome.saved, image))
            yield outcome
        return
    image, staged = delivery.prepare_for_stdout(end.index, end.result, revised_prompt)
    handed = build_stdout_image(staged, image, delivery.prepared, delivery.rescue_folder, release)
    yield replace(outcome, saved=(*outcome.saved, image), stdout_image=handed)


def _revised_prompt(found: ReturnedImage, condensed: CondensedBody) -> str | None:
    """The prompt as the model changed it, whole also where it was long."""
    if found.revised_prompt is None:
        return None
    try:
        told = b"".join(bytes(piece) for piece in islice(condensed.iter_text(found.revised_prompt), _PROMPT_PIECES))
        return without_surrogates(told.decode("utf-8", "replace"))
    except ValueError:
        return None


def _check_image_count(outcome: CallResult, answer: ParsedResponse, on_event: EventHandler) -> CallResult:
    came = len(answer.images)
    outcome = replace(outcome, saved=tuple(sorted(outcome.saved, key=lambda image: (image.index, image.copy))))
    for error in answer.errors if came >= outcome.asked else ():
        on_event(WarningEvent(code=error.code, message=error.message))
    if came - outcome.unfetched > outcome.asked:
        more = f"{came - outcome.unfetched} pictures came for {outcome.asked}; all are kept"
        on_event(WarningEvent(code="more_pictures", message=more))
    if came < outcome.asked and not answer.errors:
        short = UnsavedError(
            f"{came} of {outcome.asked} pictures came", hint="the others may have been billed", code="fewer_pictures"
        )
        return replace(outcome, errors=(*outcome.errors, short))
    return outcome


def is_only_fewer_images(error: ImagecliError) -> bool:
    """Whether the answer holds nothing more about *error*: it told of fewer pictures, and all of those are saved."""
    return error.code == "fewer_pictures"
