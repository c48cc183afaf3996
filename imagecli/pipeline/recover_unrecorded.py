"""A response that no record vouches for: only the images in its bytes are used, and saved under new names.

Nothing is fetched, replaced or removed, and its description is not read: anyone may have written it.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import IO

from imagecli.client.download import Results
from imagecli.client.send import Timeouts
from imagecli.client.spool import open_unrecorded
from imagecli.domain import Name
from imagecli.errors import UnsavedError, as_error
from imagecli.events import Listen, Noted
from imagecli.http_message import Answer, Found
from imagecli.images.identify import judge_file
from imagecli.naming import slug
from imagecli.pipeline.decompress import unpacked
from imagecli.pipeline.fetch_image import described
from imagecli.pipeline.finish import finish
from imagecli.pipeline.partial_images import keep_partials
from imagecli.pipeline.save import Delivery
from imagecli.prepared import Prepared
from imagecli.providers.large_json import condense
from imagecli.providers.response import decode
from imagecli.providers.salvage import salvage
from imagecli.results import Outcome
from imagecli.storage.atomic import disk_errors
from imagecli.storage.staging import staging


def recover_images(body: Path, request: int, folder: Path, state_dir: Path, listen: Listen) -> Outcome:
    """Save the images in the response *body* in *folder*, under names made of its id. The response stays.

    *request* numbers it in this command's report. All that goes wrong is in the outcome.
    """
    outcome = Outcome(request=request, asked=0, provider="", model="")
    try:
        with open_unrecorded(body) as file:
            if file:
                return _saved(file, body.stem, request, folder, state_dir, listen)
            listen(Noted(code="under_way", message=f"{body.stem} is under way in another process"))
            return outcome
    except Exception as problem:
        return replace(outcome, errors=(as_error(problem),))


def _saved(file: IO[bytes], id: str, request: int, folder: Path, state_dir: Path, listen: Listen) -> Outcome:
    """Raises ImagecliError if it has no images."""
    prepared = _prepared(id, request, folder, 1)
    if judge_file(file).format not in (None, "svg"):
        rescue_folder = state_dir / "rescued"
        delivery = Delivery(prepared=prepared, rescue_folder=rescue_folder, listen=listen, again=True)
        return _saved_as_it_is(file, delivery)
    try:
        with unpacked(file, (state_dir, folder)) as plain:
            count = len(_read_images(condense(plain).body, "").found)
        prepared = _prepared(id, request, folder, count)
        results = Results(timeouts=Timeouts(), direct=False)
        return finish(prepared, file, results, state_dir / "rescued", listen, again=True, read=_read_images)
    except UnsavedError as error:
        if kept := keep_partials(file, prepared, listen):
            error.rescued_path = str(kept)
        raise


def _saved_as_it_is(file: IO[bytes], delivery: Delivery) -> Outcome:
    """A response that is itself an image."""
    prepared = delivery.prepared
    folder = prepared.names[0].folder
    with disk_errors(folder), staging(folder, label=prepared.id) as copy:
        file.seek(0)
        shutil.copyfileobj(file, copy)
        staged = described(copy)
    saved = tuple(delivery.deliver(0, staged, None))
    return Outcome(request=prepared.request, asked=1, provider="", model="", saved=saved)


def _prepared(id: str, request: int, folder: Path, count: int) -> Prepared:
    stem = slug(id)
    stems = [stem] if count == 1 else [f"{stem}-{number + 1}" for number in range(count)]
    return Prepared(
        id=stem,
        request=request,
        command="recover",
        provider="",
        base_url="",
        model="",
        n=count,
        names=tuple(Name(folder=folder, stem=stem) for stem in stems),
        if_exists=None,
        stdout=False,
        prompt=None,
        output_format=None,
        size=None,
    )


def _read_images(body: bytes, base_url: str) -> Answer:
    """The images of a response, complete or not; an address is an error, so that it is never fetched."""
    try:
        answer = decode(body, base_url)
    except UnsavedError:
        answer = salvage(body, base_url)
    return replace(answer, found=tuple(_without_address(found) for found in answer.found))


def _without_address(found: Found) -> Found:
    if found.url is None or found.b64_json:
        return replace(found, url=None, hint=None)
    error = UnsavedError(
        f"the response has only the address of an image: {found.url}",
        hint="recover --from fetches nothing; open the address yourself if you trust it",
        code="not_fetched",
    )
    return replace(found, url=None, hint=None, error=error)
