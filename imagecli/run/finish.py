"""The half after the answer came: decode, gather, deliver. Works from `Prepared` and the body alone, in any process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import IO

from imagecli.api.results import MAX_PARALLEL, Results
from imagecli.errors import ImagecliError, UnsavedError, as_error
from imagecli.events import Listen, Warned
from imagecli.exchange import Answer, Found, Prepared
from imagecli.outcome import Outcome
from imagecli.providers.condense import Condensed, condense
from imagecli.providers.decode import decode
from imagecli.providers.said import sound
from imagecli.run.delivery import Delivery
from imagecli.run.gathering import Gatherer, Staged
from imagecli.run.parcel import parcel
from imagecli.run.unpacked import unpacked
from imagecli.schedule import Done, ends_of

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
) -> Outcome:
    """Saves what *body* holds: every picture that can be, and under a rescue name what is no whole picture.

    *body* is a file that can be sought in; it is read in pieces. *again*: the answer may have been delivered before,
    in part. *came* is called when the answer is read and none of its pictures is. *release* is called when a picture
    for stdout has reached it. *read* finds the pictures in what is left of the body without its long strings. *bench*
    is held while a picture is decoded: many threads at that are slower than one after the other.
    Raises UnsavedError or RefusedError where it holds no pictures at all.
    """
    delivery = Delivery(prepared=prepared, rescue_folder=rescue_folder, listen=listen, again=again)
    with unpacked(body, (rescue_folder.parent, prepared.names[0].folder), listen) as plain:
        return _finished(delivery, condense(plain), results, came, release, read, bench)


def _finished(
    delivery: Delivery,
    condensed: Condensed,
    results: Results,
    came: Callable[[Outcome], None],
    release: Callable[[], None],
    read: Callable[[bytes, str], Answer],
    bench: AbstractContextManager[object],
) -> Outcome:
    prepared, rescue_folder, listen = delivery.prepared, delivery.rescue_folder, delivery.listen
    answer = read(condensed.body, prepared.base_url)
    outcome = Outcome(
        request=prepared.request,
        asked=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=answer.usage,
        svg_usage=answer.svg_usage,
        errors=answer.errors if len(answer.found) < prepared.n else (),
    )
    came(outcome)
    gatherer = Gatherer(
        prepared=prepared,
        condensed=condensed,
        results=results,
        rescue_folder=rescue_folder,
        listen=listen,
        bench=bench,
    )
    jobs = list(enumerate(answer.found))
    # Decoding is work for one thread at a time, fetching is waiting.
    threads = MAX_PARALLEL if any(found.url for found in answer.found) else 1
    ends = ends_of(lambda job: gatherer.gather(*job), jobs, jobs=threads)
    # Stdout takes the first; files are saved as they come.
    for end in sorted(ends, key=lambda end: end.index) if prepared.stdout else ends:
        try:
            for change in _delivered(outcome, end, _prompt(answer.found[end.index], condensed), delivery, release):
                outcome = change
        except Exception as problem:
            # One picture's trouble, a bug of ours too, is not the others'.
            outcome = replace(outcome, errors=(*outcome.errors, as_error(problem)))
    return _counted(outcome, answer, listen)


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
    if came > outcome.asked:
        listen(Warned(code="more_pictures", message=f"{came} pictures came for {outcome.asked}; all are kept"))
    if came < outcome.asked and not answer.errors:
        short = UnsavedError(
            f"{came} of {outcome.asked} pictures came", hint="the others may have been billed", code="fewer_pictures"
        )
        return replace(outcome, errors=(*outcome.errors, short))
    return outcome


def is_settled(error: ImagecliError) -> bool:
    """Whether the answer holds nothing more about *error*: it told of fewer pictures, and all of those are saved."""
    return error.code == "fewer_pictures"
