"""The half after the answer came: decode, fetch, deliver. Works from `Prepared` and the body alone, in any process."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imagecli.api.results import MAX_PARALLEL, Results
from imagecli.errors import UnsavedError, as_error
from imagecli.events import Listen, Received, Warned
from imagecli.exchange import Found, Prepared
from imagecli.outcome import Outcome
from imagecli.pictures.judge import judge
from imagecli.providers.decode import decode, picture_bytes
from imagecli.run.delivery import Delivery
from imagecli.schedule import ends_of


def finish(prepared: Prepared, body: bytes, results: Results, rescue_folder: Path, listen: Listen) -> Outcome:
    """Saves what *body* holds: every picture that can be, and under a rescue name what is no whole picture.

    Raises UnsavedError or RefusedError where the body holds no pictures at all.
    """
    answer = decode(body, prepared.base_url)
    del body  # as large as its pictures, which are about to be decoded
    outcome = Outcome(
        request=prepared.request,
        asked=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=answer.usage,
    )
    delivery = Delivery(prepared=prepared, rescue_folder=rescue_folder, listen=listen)
    for end in ends_of(lambda found: _bytes_of(found, prepared, results, listen), answer.found, jobs=MAX_PARALLEL):
        try:
            if end.error:
                raise end.error
            data = end.result or b""
            to_stdout = prepared.stdout and outcome.stdout is None
            revised_prompt = answer.found[end.index].revised_prompt
            image = delivery.deliver(end.index, data, revised_prompt, to_stdout=to_stdout)
            outcome = replace(outcome, saved=(*outcome.saved, image), stdout=data if to_stdout else outcome.stdout)
        except Exception as problem:
            # One picture's trouble, a bug of ours too, is not the others'.
            outcome = replace(outcome, errors=(*outcome.errors, as_error(problem)))
    saved = tuple(sorted(outcome.saved, key=lambda image: image.index))
    return _counted(replace(outcome, saved=saved), len(answer.found), listen)


def _bytes_of(found: Found, prepared: Prepared, results: Results, listen: Listen) -> bytes:
    if found.b64_json:
        return picture_bytes(found.b64_json)
    if found.url:
        return results.fetch(
            found.url,
            lambda done, total: listen(Received(request=prepared.request, received=done, total=total)),
            lambda data: judge(data).whole,
        )
    raise UnsavedError("the answer has a place for a picture, and none in it", code="empty_item")


def _counted(outcome: Outcome, came: int, listen: Listen) -> Outcome:
    if came > outcome.asked:
        listen(Warned(code="more_pictures", message=f"{came} pictures came for {outcome.asked}; all are kept"))
    if came < outcome.asked:
        short = UnsavedError(
            f"{came} of {outcome.asked} pictures came", hint="the others may have been billed", code="fewer_pictures"
        )
        return replace(outcome, errors=(*outcome.errors, short))
    return outcome
