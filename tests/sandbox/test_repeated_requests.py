"""Repeated requests for the same job return the next images, as if all had been requested together."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from imagecli.catalog import catalog
from imagecli.domain import Operation
from imagecli.sandbox.image_generator import RepeatCounter
from imagecli.sandbox.image_job import ImageJob, UploadedFile
from imagecli.sandbox.painter import paint_image
from imagecli.sandbox.request_body import ParsedForm
from imagecli.sandbox.request_validation import build_image_job
from imagecli.sandbox.sandbox import Options, Sandbox
from tests.conftest import Run
from tests.sandbox.requests_and_images import CLASSIC, GPT, encoded, hole, photo, post

SMALL = {**CLASSIC, "prompt": "a cat", "size": "256x256"}
CAT = ParsedForm(values={"prompt": "a cat"})


def data(sandbox: Sandbox, operation: str, fields: dict[str, Any], **files: bytes) -> list[str]:
    """The images of a response, in base64."""
    return [one["b64_json"] for one in post(sandbox, operation, fields, **files).json()["data"]]


def fresh(operation: str, fields: dict[str, Any], **files: bytes) -> list[str]:
    """The images of a server without other requests."""
    with Sandbox() as server:
        return data(server, operation, fields, **files)


def job_of(form: ParsedForm, operation: Operation = "generations") -> ImageJob:
    return build_image_job(form, operation, catalog.load_shipped_catalog())


def test_three_requests_give_twenty_five_different_images(sandbox: Sandbox) -> None:
    images = [one for n in (10, 10, 5) for one in data(sandbox, "generations", {**SMALL, "n": n})]
    assert len(set(images)) == 25


def test_command_that_splits_25_images_saves_25_different_ones(imagecli: Run) -> None:
    options = ("-n", 25, "--model", "dall-e-2", "--size", "256x256", "--provider", "sandbox")
    saved = imagecli("generate", "a cat", *options).paths
    assert len({path.read_bytes() for path in saved}) == 25


@pytest.mark.parametrize(
    ("operation", "fields", "files"),
    [
        ("generations", SMALL, {}),
        ("edits", SMALL, {"image": encoded(photo()), "mask": encoded(hole())}),
        ("edits", {**GPT, "prompt": "a print"}, {"image": encoded(photo())}),
        ("variations", {"response_format": "b64_json", "size": "256x256"}, {"image": encoded(photo())}),
    ],
    ids=["generation", "edit", "print", "variation"],
)
def test_numbering_continues_where_it_stopped(
    sandbox: Sandbox, operation: str, fields: dict[str, Any], files: dict[str, bytes]
) -> None:
    in_two = [one for n in (1, 2) for one in data(sandbox, operation, {**fields, "n": n}, **files)]
    assert in_two == fresh(operation, {**fields, "n": 3}, **files)
    assert len(set(in_two)) == 3


@pytest.mark.parametrize(
    "other",
    [{"prompt": "a dog"}, {"size": "512x512"}, {"model": "dall-e-3", "size": "1024x1024"}, {"response_format": "url"}],
    ids=str,
)
def test_another_job_starts_again(other: dict[str, str]) -> None:
    tally = RepeatCounter()
    form, changed = ParsedForm(values=SMALL), ParsedForm(values={**SMALL, **other})
    assert tally.next_indices(job_of(form), form) == range(1)
    assert tally.next_indices(job_of(changed), changed) == range(1)
    assert tally.next_indices(job_of(form), form) == range(1, 2)


def test_another_input_starts_again_and_the_same_under_another_field_name_does_not() -> None:
    tally, values = RepeatCounter(), {**GPT, "prompt": "x"}
    first, second, cut = encoded(photo(64, 64)), encoded(photo(64, 64).rotate(90)), encoded(hole(64, 64))
    forms = {
        "first": ParsedForm(values=values, images=(UploadedFile(name="image", data=first),)),
        "named otherwise": ParsedForm(values=values, images=(UploadedFile(name="image[]", data=first),)),
        "second": ParsedForm(values=values, images=(UploadedFile(name="image", data=second),)),
        "both": ParsedForm(
            values=values, images=tuple(UploadedFile(name="image[]", data=one) for one in (first, second))
        ),
        "masked": ParsedForm(
            values=values,
            images=(UploadedFile(name="image", data=first),),
            masks=(UploadedFile(name="mask", data=cut),),
        ),
    }
    starts = {name: tally.next_indices(job_of(form, "edits"), form).start for name, form in forms.items()}
    assert starts == {"first": 0, "named otherwise": 1, "second": 0, "both": 0, "masked": 0}


def test_defaults_that_are_spelled_out_are_the_same_job() -> None:
    tally, spelled = (
        RepeatCounter(),
        ParsedForm(values={"prompt": "a cat", "model": "dall-e-2", "size": "1024x1024", "n": 2}),
    )
    assert tally.next_indices(job_of(CAT), CAT) == range(1)
    assert tally.next_indices(job_of(spelled), spelled) == range(1, 3)


def test_stream_continues_where_a_body_stopped() -> None:
    values = {**GPT, "prompt": "a cat"}
    tally, full, live = (
        RepeatCounter(),
        ParsedForm(values=values),
        ParsedForm(values={**values, "stream": True, "partial_images": 2}),
    )
    assert [tally.next_indices(job_of(form), form).start for form in (full, live, full)] == [0, 1, 2]


def test_threads_share_no_image() -> None:
    tally, job = RepeatCounter(), job_of(CAT)
    with ThreadPoolExecutor(16) as pool:
        indices = list(pool.map(lambda _: tally.next_indices(job, CAT).start, range(400)))
    assert sorted(indices) == list(range(400))


def test_oldest_job_is_forgotten_first() -> None:
    tally = RepeatCounter(capacity=2)
    forms = {prompt: ParsedForm(values={"prompt": prompt}) for prompt in "abc"}
    starts = [tally.next_indices(job_of(forms[prompt]), forms[prompt]).start for prompt in "abacab"]
    assert starts == [0, 0, 1, 0, 2, 0]


def test_refused_request_counts_for_nothing() -> None:
    with Sandbox(Options(rate_limit=5)) as server:
        assert post(server, "generations", {**SMALL, "n": 6}).status_code == 429
        assert data(server, "generations", SMALL) == fresh("generations", SMALL)


def test_painter_gives_the_same_bytes_for_the_same_job_and_index() -> None:
    values = {"prompt": "a cat", "size": "256x256"}
    once, again = ([paint_image(job_of(ParsedForm(values=values)), index).data for index in (0, 1)] for _ in range(2))
    assert once == again
    assert once[0] != once[1]
