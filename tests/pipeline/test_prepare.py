"""`PreparedCall` holds everything that is needed later, and nothing that must not be on disk."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from imagecli.catalog.catalog import load_shipped_catalog
from imagecli.domain import Generate, ImageOptions, InputImage, InputSource, OutputName, Size, Transform, Vary
from imagecli.pipeline.prepare_call import RunContext, prepare_call
from imagecli.plan_calls import PlannedCall
from imagecli.prepared_call import (
    Composition,
    ManifestRef,
    OutputFile,
    PreparedCall,
    prepared_from_json,
    prepared_to_json,
)
from imagecli.providers.request import FittedInputs, RequestImages

TEXT = st.text(max_size=20) | st.just("caf\udce9") | st.just("\0")
SIZES = st.builds(Size, st.integers(1, 9999), st.integers(1, 9999))
BOXES = st.none() | st.tuples(*[st.integers(0, 9999)] * 4)
NAMES = st.builds(
    OutputName,
    folder=TEXT.map(Path),
    stem=TEXT,
    literal_format=st.none() | st.just("png"),
    ending=st.none() | st.just("PNG"),
)
PLACES = st.tuples(*[st.integers(-9999, 9999)] * 4)
COMPOSITIONS = st.builds(
    Composition,
    original=st.none() | TEXT.map(lambda name: Path("/photos", name)),
    label=TEXT,
    sha256=TEXT,
    canvas=PLACES,
    region=PLACES,
    mask=TEXT,
    mask_box=PLACES,
    feather=st.integers(0, 99),
    keep_metadata=st.booleans(),
)
PREPARED = st.builds(
    lambda **fields: PreparedCall(**fields),
    id=TEXT,
    request=st.integers(0, 99),
    command=TEXT,
    provider=TEXT,
    base_url=TEXT,
    model=TEXT,
    n=st.integers(1, 10),
    names=st.lists(NAMES, max_size=3).map(tuple),
    if_exists=st.sampled_from([None, "number", "skip", "overwrite", "fail"]),
    stdout=st.booleans(),
    prompt=st.none() | TEXT,
    output_format=st.none() | TEXT,
    size=st.none() | SIZES,
    fit=st.none() | SIZES,
    transform=st.none() | st.builds(Transform, upright=SIZES, crop=BOXES, pad=BOXES, size=st.none() | SIZES),
    composition=st.none() | COMPOSITIONS,
)


@settings(max_examples=100)
@given(PREPARED)
def test_a_description_is_read_back_unchanged(prepared: PreparedCall) -> None:
    text = prepared_to_json(prepared)
    names = tuple(name._replace(folder=name.folder.absolute()) for name in prepared.names)
    assert prepared_from_json(text.encode("utf-8").decode("utf-8")) == prepared._replace(names=names)
    json.loads(text)


def test_its_manifest_reference_is_read_back_too(tmp_path: Path) -> None:
    name = OutputName(folder=tmp_path, stem="x", literal_format="png", ending="PNG")
    request_ = Generate(prompt="a cat", options=ImageOptions(model="m"))
    prepared, _ = prepare_call(PlannedCall(index=0, request=request_, names=(name,)), FittedInputs(), errand())
    prepared = prepared._replace(
        files=((OutputFile(name=name), OutputFile(name=name, fit=Size(1, 2))),),
        replaces=((tmp_path / "x.png", None), (tmp_path / "y.png", "0" * 64)),
        part=ManifestRef(manifest="/m.toml", id="x", hash="h", planned=(("x.png", "y.png"),)),
    )
    assert prepared_from_json(prepared_to_json(prepared)) == prepared
    document = json.loads(prepared_to_json(prepared))
    assert document["files"][0][1]["fit"] == {"width": 1, "height": 2}
    assert document["part"] == {"manifest": "/m.toml", "id": "x", "hash": "h", "planned": [["x.png", "y.png"]]}


def errand(run_id: str = "run") -> RunContext:
    return RunContext(
        run_id=run_id,
        command="generate",
        provider=load_shipped_catalog().provider("openai"),
        base_url="https://api.example/v1",
        if_exists=None,
        stdout=False,
    )


def test_requests_of_a_run_have_different_ids() -> None:
    request_ = Generate(prompt="a cat", options=ImageOptions(model="m", n=2, size=Size(256, 256)))
    ids = {
        prepare_call(PlannedCall(index=index, request=request_), FittedInputs(), errand())[0].id for index in range(3)
    }
    assert ids == {"run-0000", "run-0001", "run-0002"}


def test_uploads_are_not_in_the_description() -> None:
    transform = Transform(upright=Size(20, 10), crop=(5, 0, 15, 10))
    image = InputImage(data=b"secret pixels", format="png", size=Size(10, 10), has_alpha=False)
    request_ = Vary(image=InputSource(name="-", data=b"secret pixels"), options=ImageOptions(model="m"))
    fit = FittedInputs(images=RequestImages(images=(image,)), transform=transform)
    prepared, http = prepare_call(PlannedCall(index=0, request=request_), fit, errand())
    assert (prepared.prompt, prepared.transform, prepared.n) == (None, transform, 1)
    assert "secret" not in prepared_to_json(prepared)
    assert http.files[0].data == b"secret pixels"
