"""The half after the answer came: decode, judge, save. Works from `Prepared` and the body alone, in any process."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from imagecli.api.results import MAX_PARALLEL, Results
from imagecli.domain import Found, Identity, Name, Prepared, SavedImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import Event, Noted, Received, Saved, Warned
from imagecli.naming import marked, path_for
from imagecli.outcome import Outcome
from imagecli.pictures.judge import judge
from imagecli.providers.decode import decode, picture_bytes
from imagecli.schedule import all_of
from imagecli.store.files import rescue, save

Listen = Callable[[Event], None]


def finish(prepared: Prepared, body: bytes, results: Results, rescue_folder: Path, listen: Listen) -> Outcome:
    """Saves what *body* holds: every picture that can be, and under a rescue name what is no whole picture.

    Raises UnsavedError or RefusedError where the body holds no pictures at all.
    """
    answer = decode(body, prepared.base_url)
    outcome = Outcome(
        request=prepared.request,
        asked=prepared.n,
        provider=prepared.provider,
        model=prepared.model,
        usage=answer.usage,
    )
    ends = all_of(lambda found: _bytes_of(found, prepared, results, listen), answer.found, jobs=MAX_PARALLEL)
    for end in ends:
        try:
            if end.error:
                raise end.error
            assert end.result is not None
            revised = answer.found[end.index].revised_prompt
            outcome = _with_picture(outcome, prepared, end.index, end.result, revised, rescue_folder, listen)
        except ImagecliError as error:
            outcome = replace(outcome, errors=(*outcome.errors, error))
    return _counted(outcome, len(answer.found), listen)


def _bytes_of(found: Found, prepared: Prepared, results: Results, listen: Listen) -> bytes:
    if found.b64_json:
        return picture_bytes(found.b64_json)
    if found.url:
        return results.fetch(
            found.url,
            lambda done, total: listen(Received(request=prepared.request, received=done, total=total)),
        )
    raise UnsavedError("the answer has a place for a picture, and none in it", code="empty_item")


def _with_picture(
    outcome: Outcome,
    prepared: Prepared,
    index: int,
    data: bytes,
    revised: str | None,
    rescue_folder: Path,
    listen: Listen,
) -> Outcome:
    name = prepared.names[min(index, len(prepared.names) - 1)]
    identity = judge(data)
    if identity.format is None or not identity.whole or _is_unasked_svg(identity, prepared):
        raise _rescued(data, name, prepared, identity, rescue_folder)
    assert identity.format is not None
    _compare(identity, prepared, name, listen)
    path = None
    to_stdout = prepared.stdout and outcome.stdout is None
    if not to_stdout:
        overwrite = prepared.if_exists == "overwrite" and index < prepared.n
        path, data, identity = _saved(data, name, identity, overwrite, rescue_folder, listen)
    image = SavedImage(
        path=path,
        bytes=len(data),
        format=identity.format or "",
        size=identity.size,
        sha256=hashlib.sha256(data).hexdigest(),
        revised_prompt=revised,
        request=prepared.request,
        index=index,
    )
    if path:
        listen(Saved(image=image))
    return replace(outcome, saved=(*outcome.saved, image), stdout=data if to_stdout else outcome.stdout)


def _saved(
    data: bytes, name: Name, identity: Identity, overwrite: bool, rescue_folder: Path, listen: Listen
) -> tuple[Path, bytes, Identity]:
    """Where the picture is and what is there: the API's own bytes, or the conversion a literal ending asks for."""
    assert identity.format
    wanted = name.literal_format
    if not wanted or wanted == identity.format or "svg" in (wanted, identity.format):
        true_name = name if wanted == identity.format else replace(name, literal_format=None, ending=None)
        return _save(data, path_for(true_name, identity.format), overwrite, rescue_folder), data, identity
    from imagecli.pictures.finish import convert

    target = path_for(name, identity.format)
    original = marked(
        target, f".orig.{path_for(replace(name, literal_format=None, ending=None), identity.format).suffix[1:]}"
    )
    kept = _save(data, original, overwrite, rescue_folder)
    try:
        converted = convert(data, wanted)
    except ImagecliError as error:
        raise UnsavedError(
            f"{target} can't be made of what came: {error.message}",
            hint="it is kept as it came",
            code="not_converted",
            rescued_path=str(kept),
        ) from error
    path = _save(converted, target, overwrite, rescue_folder)
    listen(
        Noted(
            code="converted",
            message=f"{path} was converted from {identity.format}, without its proof of origin; {kept} is as it came",
        )
    )
    return path, converted, judge(converted)


def _save(data: bytes, path: Path, overwrite: bool, rescue_folder: Path) -> Path:
    try:
        return save(data, path, overwrite=overwrite)
    except DiskError as error:
        error.rescued_path = str(rescue(data, path, rescue_folder, damaged=False))
        raise


def _rescued(data: bytes, name: Name, prepared: Prepared, identity: Identity, rescue_folder: Path) -> UnsavedError:
    """What came is no whole picture: kept under a name that says so."""
    planned = path_for(name, identity.format or prepared.output_format or "png")
    kept = rescue(data, planned, rescue_folder, damaged=True) if data else None
    return UnsavedError(
        f"what came for {planned} is not a whole picture: {identity.problem or 'an SVG, which was not asked for'}",
        hint="it is kept as it came; look at it before buying it again" if kept else "it may have been billed",
        code="damaged",
        rescued_path=str(kept) if kept else None,
    )


def _is_unasked_svg(identity: Identity, prepared: Prepared) -> bool:
    return identity.format == "svg" and prepared.output_format != "svg"


def _compare(identity: Identity, prepared: Prepared, name: Name, listen: Listen) -> None:
    """Says where the answer differs from what was asked."""
    asked = prepared.output_format
    if asked and asked != identity.format and not name.literal_format:
        listen(Warned(code="other_format", message=f"{asked} was asked for, {identity.format} came"))
    if prepared.size and identity.size and prepared.size != identity.size:
        listen(Warned(code="other_size", message=f"{prepared.size} was asked for, {identity.size} came"))


def _counted(outcome: Outcome, came: int, listen: Listen) -> Outcome:
    if came > outcome.asked:
        listen(Warned(code="more_pictures", message=f"{came} pictures came for {outcome.asked}; all are kept"))
    if came < outcome.asked:
        short = UnsavedError(
            f"{came} of {outcome.asked} pictures came", hint="the others may have been billed", code="fewer_pictures"
        )
        return replace(outcome, errors=(*outcome.errors, short))
    return outcome
