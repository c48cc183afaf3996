"""All that is needed to save the images of a call once its response is here, as a value that the spool keeps."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.domain import Box, DigitalSourceType, IfExists, InputFile, Json, Operation, OutputName, Size, Transform
from imagecli.safe_open import absolute_text


class OutputFile(NamedTuple):
    """A file that is made from an image."""

    name: OutputName
    fit: Size | None = None
    """Cropped and resized to exactly this, after the image was saved unchanged."""


class ManifestRef(NamedTuple):
    """The manifest item that a call belongs to."""

    manifest: str
    """Its absolute path."""
    id: str
    """The item's, as in the journal."""
    hash: str
    planned: tuple[tuple[str, ...], ...]
    """For each image the paths of its files as the manifest plans them, in the order of `PreparedCall.files`."""


class Composition(NamedTuple):
    """How a result is pasted into the original image, so that everything outside the mask stays as it is.

    Boxes are in pixels of the original as a viewer shows it, from its top left corner; they may extend beyond it.
    """

    original: Path | None
    """None if it was no regular file: only the command itself can compose the result."""
    label: str
    """Its name in messages."""
    sha256: str
    """Of its bytes: an original that has changed since is not the one that was edited."""
    canvas: Box
    """What the composed image shows: the original, and what it is extended by."""
    region: Box
    """What was sent, and what the result shows."""
    mask: str
    """The base64 of a grayscale PNG: 255 where the result replaces the original, 0 where the original stays."""
    mask_box: Box
    """What *mask* shows. It is 0 everywhere else."""
    feather: int
    """The width of the soft edge, inside the mask."""
    keep_metadata: bool = False
    """The composed image gets the EXIF data of the original."""


class RequestRecord(NamedTuple):
    """What the history and sidecars have of a request, apart from its prompt."""

    operation: Operation
    options: dict[str, Json]
    """As `request_options`."""
    inputs: tuple[InputFile, ...]


class PreparedCall(NamedTuple):
    """All that is needed to save the images of a response, perhaps in another process and days later.

    Stored in the spool as JSON before the POST. Has no key and no input image, but the mask of a
    `composition`.
    """

    id: str
    """Names the spool files; unique to the run and the request."""
    request: int
    """0-based, in the order of the plan."""
    command: str
    provider: str
    base_url: str
    model: str
    n: int
    names: tuple[OutputName, ...]
    if_exists: IfExists | None
    stdout: bool
    """The one image goes to stdout (`-o -`), not to *names*."""
    prompt: str | None
    output_format: str | None
    """What was requested; None if nothing was."""
    size: Size | None
    """What was requested, if it was in pixels."""
    fit: Size | None = None
    """--fit: cropped and resized to exactly this, after the image was saved unchanged."""
    keep_partials: bool = False
    """Partial images of a stream are kept as files."""
    transform: Transform | None = None
    files: tuple[tuple[OutputFile, ...], ...] = ()
    """For each image the files that are made from it, the first under its name. Empty: that one file each."""
    replaces: tuple[tuple[Path, str | None], ...] = ()
    """Files that may be replaced, each with the sha256 that it must still have; None is any content."""
    part: ManifestRef | None = None
    allow_outside: bool = False
    """A manifest's files may be saved through links that lead out of its folder."""
    free: bool = False
    """The provider bills nothing."""
    composition: Composition | None = None
    """The result is pasted into the original image; None if it is saved as it is received."""
    source_type: DigitalSourceType = "trainedAlgorithmicMedia"
    """What the images are marked with if they are converted."""
    sidecar: bool = False
    """How each image was made is written beside it."""
    history: bool = False
    """Its images are recorded in the history."""
    record: RequestRecord | None = None
    """None if neither sidecars nor the history need it."""
    transparent: bool = False
    """A transparent background was requested."""

    @property
    def root(self) -> Path | None:
        """The folder below which everything is saved, links resolved; None if the user typed the place."""
        return _folder_of(self.part.manifest) if self.part and not self.allow_outside else None

    def name(self, index: int) -> OutputName:
        """The name of image *index*; one beyond those that were requested shares the last."""
        return self.names[min(index, len(self.names) - 1)]

    def destinations(self, index: int) -> tuple[OutputFile, ...]:
        """The files of image *index*; one beyond those that were requested has one file."""
        if index < len(self.files):
            return self.files[index]
        return (OutputFile(name=self.name(index), fit=None if self.files else self.fit),)

    @property
    def folders(self) -> tuple[Path, ...]:
        """All folders that files are saved in."""
        names = [*self.names, *(file.name for files in self.files for file in files)]
        return tuple(dict.fromkeys(name.folder for name in names))


@lru_cache(maxsize=8)
def _folder_of(file: str) -> Path:
    """The folder of *file*, which is the same manifest for most calls."""
    return Path(file).parent


def prepared_to_json(prepared: PreparedCall) -> str:
    """*prepared* as JSON for the spool, with absolute paths: another command may be run elsewhere."""
    return json.dumps(_to_plain(prepared))


def _to_plain(value: Any) -> Any:
    """NamedTuples as objects of their fields, paths as text. Sizes too are objects, unlike in `serialization`."""
    if isinstance(value, Path):
        try:
            return absolute_text(value)
        except OSError:  # the current folder is gone
            return str(value)
    # Most fields need no conversion, and a call for each of them would take most of the time.
    plain = [_to_plain(inner) if isinstance(inner, (tuple, Path)) else inner for inner in value]
    return dict(zip(value._fields, plain, strict=True)) if hasattr(value, "_fields") else plain


def prepared_from_json(text: str) -> PreparedCall:
    """The value that `prepared_to_json` wrote."""
    document: dict[str, Any] = json.loads(text)
    transform = document.pop("transform")
    size, fit = document.pop("size"), document.pop("fit")
    names = [_name_from_json(name) for name in document.pop("names")]
    files, part = document.pop("files", ()), document.pop("part", None)
    replaces, composition = document.pop("replaces", ()), document.pop("composition", None)
    record = document.pop("record", None)
    return PreparedCall(
        **document,
        names=tuple(names),
        files=tuple(tuple(_output_file_from_json(file) for file in of_image) for of_image in files),
        replaces=tuple((Path(path), sha256) for path, sha256 in replaces),
        part=_manifest_ref_from_json(part) if part else None,
        size=Size(**size) if size else None,
        fit=Size(**fit) if fit else None,
        transform=_transform_from_json(transform) if transform else None,
        composition=_composition_from_json(composition) if composition else None,
        record=_record_from_json(record) if record else None,
    )


def _name_from_json(document: dict[str, Any]) -> OutputName:
    return OutputName(**(document | {"folder": Path(document["folder"])}))


def _output_file_from_json(document: dict[str, Any]) -> OutputFile:
    return OutputFile(name=_name_from_json(document["name"]), fit=Size(**document["fit"]) if document["fit"] else None)


def _manifest_ref_from_json(document: dict[str, Any]) -> ManifestRef:
    return ManifestRef(**(document | {"planned": tuple(tuple(paths) for paths in document["planned"])}))


def _transform_from_json(document: dict[str, Any]) -> Transform:
    return Transform(
        upright=Size(**document["upright"]),
        crop=tuple(document["crop"]) if document["crop"] else None,
        pad=tuple(document["pad"]) if document["pad"] else None,
        size=Size(**document["size"]) if document["size"] else None,
    )


def _composition_from_json(document: dict[str, Any]) -> Composition:
    boxes = {name: tuple(document[name]) for name in ("canvas", "region", "mask_box")}
    original = Path(document["original"]) if document["original"] else None
    return Composition(**(document | boxes | {"original": original}))


def _record_from_json(document: dict[str, Any]) -> RequestRecord:
    inputs = [
        InputFile(**(file | {"path": Path(file["path"]) if file["path"] else None})) for file in document["inputs"]
    ]
    return RequestRecord(**(document | {"inputs": tuple(inputs)}))
