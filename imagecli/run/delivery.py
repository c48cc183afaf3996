"""One staged picture → under its final name, as it came; or changed as was asked; or kept under a rescue name."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.domain import Name, SavedImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import Listen, Noted, Saved, Warned
from imagecli.exchange import Prepared
from imagecli.naming import marked, path_for
from imagecli.run.change import Change, change_for
from imagecli.run.gathering import Staged, described
from imagecli.store.files import disk_errors, publish, rescue
from imagecli.store.staging import discard, staging


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where one request's pictures go."""

    prepared: Prepared
    rescue_folder: Path
    """For bytes whose own folder can't take them."""
    listen: Listen
    again: bool = False
    """The answer may have been delivered before, in part: what is there already is not saved twice."""

    def deliver(self, index: int, staged: Staged, revised_prompt: str | None) -> SavedImage:
        """Picture *index*, saved. Raises UnsavedError for what is no whole picture, DiskError where its disk failed.

        Both say where the bytes are.
        """
        name = self._checked(index, staged)
        overwrite = self.prepared.if_exists == "overwrite" and index < self.prepared.n
        number = max(index - len(self.prepared.names) + 1, 0) + 1
        change = change_for(staged.identity, name, self.prepared.fit, self.listen)
        if change:
            path, staged = self._changed(staged, name, change, overwrite)
        else:
            came = staged.identity.format or ""
            true = name if name.literal_format in (None, came) else _truly(name)
            path = self._publish(staged, path_for(true, came), overwrite, number)
        image = self._image(index, path, staged, revised_prompt)
        self.listen(Saved(image=image))
        return image

    def for_stdout(self, index: int, staged: Staged, revised_prompt: str | None) -> tuple[SavedImage, Staged]:
        """Picture *index*, ready to be written to stdout from its staged file. Raises UnsavedError as `deliver`."""
        name = self._checked(index, staged)
        if change := change_for(staged.identity, _truly(name), self.prepared.fit, self.listen):
            with disk_errors(staged.path):
                made = self._made(staged.path, change, staged.path.parent)
            discard(staged.path)
            staged = made
            self.listen(Noted(code=change.code, message=f"the picture was {change.words}, without its proof of origin"))
        return self._image(index, None, staged, revised_prompt), staged

    def _checked(self, index: int, staged: Staged) -> Name:
        """The name of a whole picture. Raises UnsavedError for what is none."""
        name, identity = self.prepared.name(index), staged.identity
        problem = None if identity.whole and identity.format else identity.problem or "unknown bytes"
        if identity.format == "svg" and self.prepared.output_format != "svg":
            problem = problem or "an SVG, which was not asked for"
        if problem:
            raise self._rescued(staged, name, problem)
        asked, size = self.prepared.output_format, self.prepared.size
        if asked and asked != identity.format and not name.literal_format:
            self.listen(Warned(code="other_format", message=f"{asked} was asked for, {identity.format} came"))
        if size and identity.size and size != identity.size:
            self.listen(Warned(code="other_size", message=f"{size} was asked for, {identity.size} came"))
        return name

    def _changed(self, staged: Staged, name: Name, change: Change, overwrite: bool) -> tuple[Path, Staged]:
        """The changed picture under its name, and what came beside it: under a name nobody gave, so numbered."""
        target = path_for(name, change.format)
        ending = path_for(_truly(name), staged.identity.format or "").suffix
        kept = self._publish(staged, marked(target, f".orig{ending}"), False)
        try:
            made = self._made(kept, change, target.parent)
            path = self._publish(made, target, overwrite)
        except ImagecliError as error:
            error.rescued_path = error.rescued_path or str(kept)
            raise
        except OSError as error:
            with disk_errors(target):
                raise error
        said = f"{path} was {change.words}, without its proof of origin; {kept} is as it came"
        self.listen(Noted(code=change.code, message=said))
        return path, made

    def _made(self, source: Path, change: Change, folder: Path) -> Staged:
        """The picture at *source* changed, staged in *folder*. Raises UnsavedError where it can't be, OSError."""
        from imagecli.pictures.finish import convert

        try:
            data = convert(source.read_bytes(), change.format, change.fit)
        except ImagecliError as error:
            raise UnsavedError(
                f"what came can't be {change.words}: {error.message}",
                hint="it is kept as it came",
                code=f"not_{change.code}",
            ) from error
        with staging(folder, label=self.prepared.id) as file:
            file.write(data)
            return described(file)

    def _publish(self, staged: Staged, path: Path, overwrite: bool, number: int = 1) -> Path:
        if self.again and _holds(path, staged):
            discard(staged.path)
            return path
        try:
            if staged.disk:
                raise staged.disk
            with disk_errors(path):
                return publish(staged.path, path, overwrite=overwrite, number=number)
        except DiskError as error:
            error.rescued_path = str(rescue(staged.path, path, self.rescue_folder, damaged=False))
            raise

    def _rescued(self, staged: Staged, name: Name, problem: str) -> UnsavedError:
        planned = path_for(name, staged.identity.format or self.prepared.output_format or "png")
        kept = None
        if staged.bytes:
            kept = rescue(staged.path, planned, self.rescue_folder, damaged=True)
        discard(staged.path)
        return UnsavedError(
            f"what came for {planned} is not a whole picture: {problem}",
            hint="it is kept as it came; look at it before buying it again" if kept else "it may have been billed",
            code="damaged",
            rescued_path=str(kept) if kept else None,
        )

    def _image(self, index: int, path: Path | None, staged: Staged, revised_prompt: str | None) -> SavedImage:
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


def _truly(name: Name) -> Name:
    """*name* with whatever ending is true."""
    return replace(name, literal_format=None, ending=None)


def _holds(path: Path, staged: Staged) -> bool:
    """Whether *path* is a file with the same bytes."""
    try:
        if path.stat().st_size != staged.bytes:
            return False
        with path.open("rb") as file:
            return described(file).sha256 == staged.sha256
    except OSError:
        return False
