"""The half after the answer came: decode, gather, deliver. Works from `Prepared` and the body alone, in any process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

from imagecli.client.download import MAX_PARALLEL, Results
from imagecli.errors import ImagecliError, UnsavedError, as_error
from imagecli.events import Listen, Warned
from imagecli.http_message import Answer, Found
from imagecli.pipeline.decompress import unpacked
from imagecli.pipeline.fetch_image import Gatherer, Staged
from imagecli.pipeline.save import Delivery, parcel
from imagecli.prepared import Prepared
from imagecli.providers.error_text import sound
from imagecli.providers.large_json import Condensed, condense
from imagecli.providers.response import decode
from imagecli.results import Outcome
from imagecli.worker_pool import Done, ends_of

MAX_FURTHER_URLS = 4
"""So many result URLs are fetched beyond the number of images that were requested; a response could list millions."""
_PROMPT_PIECES = 4
"""A revised prompt is no longer than so many pieces of the file."""


def finish(
    prepared: Prepared,
    body: IO[bytes],
    results: Results,
    rescue_folder: Path,
    listen: Listen,
    *,
    again: bool = False,
    came: Callable[[Outcome], None] = lambda outcome: None,
    release: Callable[[], None] = lambda: None,
    read: Callable[[bytes, str], Answer] = decode,
    bench: AbstractContextManager[object] = nullcontext(),  # noqa: B008
    peer: str | None = None,
) -> Outcome:
    """Saves what *body* holds: every picture that can be, and under a rescue name what is no whole picture.

    *body* is a file that can be sought in; it is read in pieces. *again*: the answer may have been delivered before,
    in part. *came* is called when the answer is read and none of its pictures is. *release* is called when a picture
    for stdout has reached it. *read* finds the pictures in what is left of the body without its long strings. *bench*
    is held while a picture is decoded: many threads at that are slower than one after the other. *peer* is the address
    that the request was sent to, if it is known: result URLs may lead to the same place.
    Raises UnsavedError or RefusedError where it holds no pictures at all.
    """
    delivery = Delivery(prepared=prepared, rescue_folder=rescue_folder, listen=listen, again=again)
    with unpacked(body, (rescue_folder.parent, prepared.names[0].folder), listen) as plain:
        return _finished(delivery, condense(plain), results, came, release, read, bench, peer)


def _finished(
    delivery: Delivery,
    condensed: Condensed,
    results: Results,
    came: Callable[[Outcome], None],
    release: Callable[[], None],
    read: Callable[[bytes, str], Answer],
    bench: AbstractContextManager[object],
    peer: str | None,
) -> Outcome:
    prepared, rescue_folder, listen = delivery.prepared, delivery.rescue_folder, delivery.listen
    answer = read(condensed.body, prepared.base_url)
    found, unfetched = _within_limit(answer.found, prepared.n + MAX_FURTHER_URLS)
    outcome = Outcome(
        request=prepared.request,
        asked=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=answer.usage,
        svg_usage=answer.svg_usage,
        errors=answer.errors if len(answer.found) < prepared.n else (),
        unfetched=unfetched,
    )
    came(outcome)
    gatherer = Gatherer(
        prepared=prepared,
        condensed=condensed,
        results=results,
        rescue_folder=rescue_folder,
        listen=listen,
        bench=bench,
        peer=peer,
    )
    jobs = list(enumerate(found))
    # Decoding is work for one thread at a time, fetching is waiting.
    threads = MAX_PARALLEL if any(one.url for one in found) else 1
    ends = ends_of(lambda job: gatherer.gather(*job), jobs, jobs=threads)
    # Stdout takes the first; files are saved as they come.
    for end in sorted(ends, key=lambda end: end.index) if prepared.stdout else ends:
        try:
            for change in _delivered(outcome, end, _prompt(found[end.index], condensed), delivery, release):
                outcome = change
        except Exception as problem:
            # One picture's trouble, a bug of ours too, is not the others'.
            outcome = replace(outcome, errors=(*outcome.errors, as_error(problem)))
    return _counted(outcome, answer, listen)


def _within_limit(found: Sequence[Found], limit: int) -> tuple[tuple[Found, ...], int]:
    """*found* with at most *limit* URLs, and how many images are left out because their URL is beyond that."""
    kept: list[Found] = []
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


def not_fetched(outcome: Outcome, body: Path | None) -> Warned:
    """The warning that result URLs were not fetched; *body* is where the response is kept."""
    kept = f"; the others are in {body}, which imagecli recover --delete {body.stem} removes" if body else ""
    message = f"the response has {outcome.unfetched} result URLs too many, which were not fetched{kept}"
    return Warned(code="urls_not_fetched", message=message)


def _delivered(
    outcome: Outcome,
    end: Done[Staged],
    revised_prompt: str | None,
    delivery: Delivery,
    release: Callable[[], None],
) -> Iterator[Outcome]:
    """*outcome* with each file that is made of one picture."""
    if end.error:
        raise end.error
    assert end.result
    if not delivery.prepared.stdout or outcome.parcel:
        for image in delivery.deliver(end.index, end.result, revised_prompt):
            outcome = replace(outcome, saved=(*outcome.saved, image))
            yield outcome
        return
    image, staged = delivery.for_stdout(end.index, end.result, revised_prompt)
    handed = parcel(staged, image, delivery.prepared, delivery.rescue_folder, release)
    yield replace(outcome, saved=(*outcome.saved, image), parcel=handed)


def _prompt(found: Found, condensed: Condensed) -> str | None:
    """The prompt as the model changed it, whole also where it was long."""
    if found.revised_prompt is None:
        return None
    try:
        told = b"".join(bytes(piece) for piece in islice(condensed.pieces(found.revised_prompt), _PROMPT_PIECES))
        return sound(told.decode("utf-8", "replace"))
    except ValueError:
        return None


def _counted(outcome: Outcome, answer: Answer, listen: Listen) -> Outcome:
    came = len(answer.found)
    outcome = replace(outcome, saved=tuple(sorted(outcome.saved, key=lambda image: (image.index, image.copy))))
    for error in answer.errors if came >= outcome.asked else ():
        listen(Warned(code=error.code, message=error.message))
    if came - outcome.unfetched > outcome.asked:
        more = f"{came - outcome.unfetched} pictures came for {outcome.asked}; all are kept"
        listen(Warned(code="more_pictures", message=more))
    if came < outcome.asked and not answer.errors:
        short = UnsavedError(
            f"{came} of {outcome.asked} pictures came", hint="the others may have been billed", code="fewer_pictures"
        )
        return replace(outcome, errors=(*outcome.errors, short))
    return outcome


def is_settled(error: ImagecliError) -> bool:
    """Whether the answer holds nothing more about *error*: it told of fewer pictures, and all of those are saved."""
    return error.code == "fewer_pictures"
