"""Saves staged images: unchanged under their final names, then converted if requested, or under a rescue name.

An image for stdout stays in a staged file, and its response in the spool, until it is written.
"""

from collections.abc import Collection, Iterator
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from imagecli.client.spool import SpoolEntry
from imagecli.domain import ImageInfo, OutputName, SavedImage, Size
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import EventHandler, ImageSaved, NoteEvent, WarningEvent
from imagecli.naming import mark_path, number_path, path_for_format
from imagecli.pipeline.staged_image import ImageWriter, StagedImage
from imagecli.prepared_call import Composition, OutputFile, PreparedCall
from imagecli.safe_open import check_still_below
from imagecli.storage.atomic_write import (
    discard_staged,
    find_rescued,
    open_staged,
    publish,
    read_in_pieces,
    rescue,
    save_file,
    translate_disk_errors,
)
from imagecli.storage.read import has_content


class Conversion(NamedTuple):
    """The format to convert to, and the size if that changes."""

    format: str
    fit: Size | None
    description: str
    """Behind "was": converted from jpeg, cropped and resized from 1920x1088 to 1920x1080."""
    composition: Composition | None = None
    """The image is pasted into its original first."""

    @property
    def code(self) -> str:
        return "composed" if self.composition else "fitted" if self.fit else "converted"


def find_conversion(
    received: ImageInfo, name: OutputName, fit: Size | None, prepared: PreparedCall, on_event: EventHandler
) -> Conversion | None:
    """The conversion that the *received* image needs, or None. An SVG is never changed; a note says so."""
    assert received.format
    if composition := prepared.composition:
        new_format = name.literal_format or prepared.output_format or "png"
        description = f"composed with {composition.label}"
        return Conversion(format=new_format, fit=fit, description=description, composition=composition)
    if fit and received.format == "svg":
        on_event(NoteEvent(code="not_fitted", message=f"an SVG has no pixels; saved unchanged, not fitted to {fit}"))
    if "svg" in (received.format, name.literal_format):
        return None
    new_format = name.literal_format or received.format
    new_size = fit if received.size and fit != received.size else None
    changes = []
    if new_format != received.format:
        changes.append(f"converted from {received.format}")
    if new_size and received.size:
        changes.append(f"{_describe_fit(received.size, new_size)} from {received.size} to {new_size}")
    return Conversion(format=new_format, fit=new_size, description=", ".join(changes)) if changes else None


def _describe_fit(size: Size, fit: Size) -> str:
    """Cropped, resized, or both, as `images.convert_output` does it."""
    if size.width * fit.height == size.height * fit.width:
        return "resized"
    cropped_only = min(size.width - fit.width, size.height - fit.height) == 0
    return "cropped" if cropped_only else "cropped and resized"


MAX_USUAL_PIXELS = 120_000_000
"""No model creates larger images; decoded, such an image takes 480 MB."""


class ImageSaver:
    """Saves the images of one call."""

    def __init__(
        self,
        *,
        prepared: PreparedCall,
        rescue_folder: Path,
        on_event: EventHandler,
        is_repeated: bool = False,
        original: bytes | None = None,
        extras: Collection[int] = (),
    ) -> None:
        self.prepared = prepared
        self.root = prepared.root
        self.rescue_folder = rescue_folder
        """For images whose own folder can't be written to."""
        self.on_event = on_event
        self.is_repeated = is_repeated
        """The response may have been saved before, in part: existing files with the same bytes are not saved twice."""
        self.original = original
        """The image that the result is pasted into, if it can't be read again: it came from stdin or a pipe."""
        self.extras = extras
        """The images, by index, that their row no longer needs: they go to the rescue folder."""
        self.saved: list[SavedImage] = []
        """The images that are complete on disk so far."""
        self.saving_lock = Lock()
        """Held while an image gets its name and is added to `saved`, and by an interrupted command from its end on."""

    def save(self, index: int, staged: StagedImage, revised_prompt: str | None) -> Iterator[SavedImage]:
        """Saves image *index*, and then the further files that are made from it.

        Raises UnsavedError for a damaged image, DiskError if the disk failed. Both say where the bytes are.
        """
        first, *further = self.prepared.destinations(index)
        name, received = self._check_image(index, staged), staged.identity
        if index in self.extras:
            with self.saving_lock:
                path = self._save_extra(index, staged, _unchanged_path(name, received))
                image = self._record_saved(self._build_saved_image(index, path, staged, revised_prompt))
            yield image
            return
        overwrite = self.prepared.if_exists == "overwrite" and index < self.prepared.n
        number = max(index - len(self.prepared.names) + 1, 0) + 1
        change = find_conversion(received, name, first.fit, self.prepared, self.on_event)
        if change:
            image = self._save_converted(index, staged, name, change, overwrite, revised_prompt)
        else:
            with self.saving_lock:
                path = self._publish(staged, _unchanged_path(name, received), overwrite, self._label(index), number)
                image = self._record_saved(self._build_saved_image(index, path, staged, revised_prompt))
        yield image
        for copy, destination in enumerate(further, start=1):
            yield self._save_further(image, copy, destination, received)

    def prepare_for_stdout(
        self, index: int, staged: StagedImage, revised_prompt: str | None
    ) -> tuple[SavedImage, StagedImage]:
        """Image *index*, ready to be written to stdout from its staged file. Raises UnsavedError as `save`."""
        name = self._check_image(index, staged)
        change = find_conversion(
            staged.identity, _with_correct_extension(name), self.prepared.fit, self.prepared, self.on_event
        )
        if change:
            with translate_disk_errors(staged.path):
                made, done = self._convert_staged(staged.path, change, staged.path.parent)
            discard_staged(staged.path)
            staged = made
            self.on_event(
                NoteEvent(
                    code=change.code,
                    message=f"the image was {(done or change).description}, Content Credentials (C2PA) removed",
                )
            )
        return self._build_saved_image(index, None, staged, revised_prompt), staged

    def _label(self, index: int, copy: int | None = None) -> str:
        """Names image *index* in the rescue folder, as it was received; or a file *copy* that was made from it."""
        return f"{self.prepared.id}-{index}" if copy is None else f"{self.prepared.id}-{index}-{copy}"

    def find_rescued(self, index: int) -> Path | None:
        """Image *index* as an earlier attempt has rescued it, because its folder could not be written to."""
        return next(iter(find_rescued(self.rescue_folder, self._label(index))), None) if self.is_repeated else None

    def _save_extra(self, index: int, staged: StagedImage, path: Path) -> Path:
        """Saves an image that its row does not need in the rescue folder, unless it is the one at *path*."""
        if _has_same_bytes(path, staged):
            discard_staged(staged.path)
            return path
        return self._rescue(staged, path, self._label(index))

    def _rescue(self, staged: StagedImage, path: Path, label: str, *, damaged: bool = False) -> Path:
        """Saves an image that can't have the name *path* in the rescue folder, once. Raises DiskError."""
        for rescued in find_rescued(self.rescue_folder, label):
            if _has_same_bytes(rescued, staged):
                discard_staged(staged.path)
                return rescued
        return rescue(staged.path, path, self.rescue_folder, label=label, damaged=damaged)

    def _record_saved(self, image: SavedImage) -> SavedImage:
        if self.is_repeated and image.path and image.path.parent != self.rescue_folder:
            # What an earlier attempt had rescued is where it belongs now.
            labels = (self._label(image.index), self._label(image.index, image.copy))
            for rescued in (path for label in labels for path in find_rescued(self.rescue_folder, label)):
                discard_staged(rescued)
            with suppress(OSError):
                self.rescue_folder.rmdir()
        self.saved.append(image)
        self.on_event(ImageSaved(image=image))
        return image

    def _save_further(self, first: SavedImage, copy: int, destination: OutputFile, received: ImageInfo) -> SavedImage:
        """Saves the further file *copy* of an image, made from it as it was *received*; *first* is its first file."""
        source, sha256 = first.original or first.path, first.original_sha256 or first.sha256
        assert source
        change = find_conversion(received, destination.name, destination.fit, self.prepared, self.on_event)
        target = (
            path_for_format(destination.name, change.format) if change else _unchanged_path(destination.name, received)
        )
        try:
            with translate_disk_errors(target):
                made, change = self._convert_staged(source, change, target.parent)
            with self.saving_lock:
                path = self._publish(made, target, False, self._label(first.index, copy))
                if change:
                    self._note_conversion(path, change, source)
                image = self._build_saved_image(first.index, path, made, first.revised_prompt)._replace(copy=copy)
                if change:
                    image = image._replace(original=source, original_sha256=sha256)
                return self._record_saved(image)
        except ImagecliError as error:
            raise error.with_facts(rescued_path=error.rescued_path or str(source)) from error

    def _check_image(self, index: int, staged: StagedImage) -> OutputName:
        """The name of a complete image. Raises UnsavedError for a damaged one."""
        name, identity = self.prepared.name(index), staged.identity
        problem = None if identity.is_complete and identity.format else identity.problem or "unknown data"
        if identity.format == "svg" and self.prepared.output_format != "svg":
            problem = problem or "an SVG, which was not requested"
        if problem:
            raise self._rescue_damaged(index, staged, name, problem)
        requested, size = self.prepared.output_format, self.prepared.size
        if requested and requested != identity.format and not (name.literal_format or self.prepared.composition):
            message = f"requested {requested}, received {identity.format}"
            self.on_event(WarningEvent(code="other_format", message=message))
        if size and identity.size and size != identity.size:
            self.on_event(WarningEvent(code="other_size", message=f"requested {size}, received {identity.size}"))
        self._warn_of_content(staged)
        return name

    def _warn_of_content(self, staged: StagedImage) -> None:
        """Warns of images that should be checked before they are opened or published."""
        identity = staged.identity
        if identity.format == "svg":
            from imagecli.images.formats.svg import active_parts

            with suppress(OSError), staged.path.open("rb") as file:
                if parts := active_parts(file):
                    found = f"the SVG contains {', '.join(parts)}"
                    message = f"{found}; check it before you open it in a browser or publish it"
                    self.on_event(WarningEvent(code="active_svg", message=message))
        elif identity.size and identity.size.pixels > MAX_USUAL_PIXELS:
            megapixels = identity.size.pixels // 1_000_000
            message = f"the image is {identity.size} ({megapixels} megapixels); opening it may need a lot of memory"
            self.on_event(WarningEvent(code="large_image", message=message))

    def _save_converted(
        self,
        index: int,
        staged: StagedImage,
        name: OutputName,
        change: Conversion,
        overwrite: bool,
        revised_prompt: str | None,
    ) -> SavedImage:
        """Saves the converted image under its name, and the received one beside it, under a numbered name."""
        target = path_for_format(name, change.format)
        ending = path_for_format(_with_correct_extension(name), staged.identity.format or "").suffix
        original = self._publish(staged, mark_path(target, f".orig{ending}"), False, self._label(index))
        with translate_disk_errors(target):
            try:
                made, done = self._convert_staged(original, change, target.parent)
                with self.saving_lock:
                    path = self._publish(made, target, overwrite, self._label(index, 0))
                    self._note_conversion(path, done or change, original)
                    image = self._build_saved_image(index, path, made, revised_prompt)
                    return self._record_saved(image._replace(original=original, original_sha256=staged.sha256))
            except ImagecliError as error:
                raise error.with_facts(rescued_path=error.rescued_path or str(original)) from error

    def _note_conversion(self, path: Path, change: Conversion, original: Path) -> None:
        kept = "the image as received" if change.composition else "the original"
        message = f"{path} was {change.description}, Content Credentials (C2PA) removed; {kept} is {original}"
        self.on_event(NoteEvent(code=change.code, message=message))

    def _convert_staged(
        self, source: Path, change: Conversion | None, folder: Path
    ) -> tuple[StagedImage, Conversion | None]:
        """The image at *source*, converted and staged in *folder*; and *change*, with what was found meanwhile.

        Raises UnsavedError if that fails, OSError.
        """
        check_still_below(folder, self.root)
        data = source.read_bytes()
        try:
            if change:
                data, change = self._convert(data, change)
        except ImagecliError as error:
            raise UnsavedError(
                f"the image can't be {change.description if change else 'saved'}: {error.message}",
                hint="the image is saved unchanged",
                code=f"not_{change.code if change else 'kept'}",
            ) from error
        with open_staged(folder, label=self.prepared.id) as file:
            writer = ImageWriter(file)
            writer.write(data)
            return writer.describe(writer.inspect()), change

    def _convert(self, data: bytes, change: Conversion) -> tuple[bytes, Conversion]:
        if change.composition:
            from imagecli.pipeline.compose_result import compose_result

            data, description = compose_result(
                data, change.composition, self.original, change.format, change.fit, self.prepared.source_type
            )
            return data, change._replace(description=description)
        from imagecli.images.convert_output import convert_image

        return convert_image(data, change.format, self.prepared.source_type, change.fit), change

    def _publish(self, staged: StagedImage, path: Path, overwrite: bool, label: str, number: int = 1) -> Path:
        """Publishes an image as *path*; if the disk fails, it is rescued with *label*, and DiskError is raised."""
        try:
            check_still_below(path.parent, self.root)
            planned = number_path(path, number) if number > 1 else path
            if self.is_repeated and _has_same_bytes(planned, staged):
                discard_staged(staged.path)
                return planned
            if staged.disk_error:
                raise staged.disk_error
            with translate_disk_errors(path):
                overwrite = overwrite or self._may_replace(path)
                return publish(staged.path, path, overwrite=overwrite, number=number)
        except DiskError as error:
            rescued = self._rescue(staged, path, label)
            again = "run the same command again: it saves the image there"
            if not self.prepared.part:
                again = "imagecli recover saves the image there, or imagecli recover -o FOLDER/ elsewhere"
            hint = f"{error.hint}, then {again}"
            raise error.with_facts(rescued_path=str(rescued), hint=hint) from error

    def _may_replace(self, path: Path) -> bool:
        """Whether *path* is a file that this call replaces, and has not changed since that was decided."""
        return any(
            path == replaced and (sha256 is None or has_content(path, sha256))
            for replaced, sha256 in self.prepared.replaces
        )

    def _rescue_damaged(self, index: int, staged: StagedImage, name: OutputName, problem: str) -> UnsavedError:
        planned = path_for_format(name, staged.identity.format or self.prepared.output_format or "png")
        rescued = None
        if staged.bytes:
            rescued = self._rescue(staged, planned, self._label(index), damaged=True)
        discard_staged(staged.path)
        return UnsavedError(
            f"the image for {planned} is damaged: {problem}",
            hint="the received bytes are saved; inspect them before you request the image again"
            if rescued
            else "it may have been billed",
            code="damaged",
            rescued_path=str(rescued) if rescued else None,
        )

    def _build_saved_image(
        self, index: int, path: Path | None, staged: StagedImage, revised_prompt: str | None
    ) -> SavedImage:
        assert staged.identity.format
        return SavedImage(
            path=path,
            bytes=staged.bytes,
            format=staged.identity.format,
            size=staged.identity.size,
            sha256=staged.sha256,
            revised_prompt=revised_prompt,
            request=self.prepared.request,
            index=index,
        )


def _unchanged_path(name: OutputName, received: ImageInfo) -> Path:
    """The path of bytes that are not converted: with the extension that was typed if that is correct."""
    actual = received.format or ""
    return path_for_format(name if name.literal_format in (None, actual) else _with_correct_extension(name), actual)


def _with_correct_extension(name: OutputName) -> OutputName:
    """*name* with the extension of whatever format is saved."""
    return name._replace(literal_format=None, ending=None)


def _has_same_bytes(path: Path, staged: StagedImage) -> bool:
    """Whether *path* is a file with the same bytes as *staged*."""
    try:
        return path.stat().st_size == staged.bytes and has_content(path, staged.sha256)
    except OSError:
        return False


class StagedStdoutImage(NamedTuple):
    """An image in a staged file, to be written to stdout: a `StdoutImage`."""

    path: Path
    image: SavedImage
    saver: ImageSaver
    entry: SpoolEntry | None
    """Of its response."""

    def close(self) -> None:
        """Removes the staged file and the spool entry."""
        discard_staged(self.path)
        with suppress(OSError):
            self.saver.rescue_folder.rmdir()
        if self.entry:
            self.entry.close()

    def save(self) -> Path:
        """Saves it under the name that it would have had as a file, and closes it. Returns the path."""
        prepared = self.saver.prepared
        path = path_for_format(prepared.name(self.image.index), self.image.format)
        try:
            saved_path = save_file(read_in_pieces(self.path), path, label=prepared.id)
        except (DiskError, OSError):
            label = f"{prepared.id}-{self.image.index}"
            saved_path = rescue(self.path, path, self.saver.rescue_folder, label=label, damaged=False)
        self.close()
        return saved_path
