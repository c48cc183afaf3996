"""One picture's bytes → judged, under their final name, as they came; or kept under a rescue name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from imagecli.domain import Identity, Name, SavedImage
from imagecli.errors import DiskError, ImagecliError, UnsavedError
from imagecli.events import Listen, Noted, Saved, Warned
from imagecli.exchange import Prepared
from imagecli.naming import marked, path_for
from imagecli.pictures.judge import judge
from imagecli.store.files import rescue, save


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Where one request's pictures go."""

    prepared: Prepared
    rescue_folder: Path
    """For bytes whose own folder can't take them."""
    listen: Listen

    def deliver(self, index: int, data: bytes, revised_prompt: str | None, *, to_stdout: bool) -> SavedImage:
        """Picture *index*, judged and saved; *to_stdout* leaves the saving to whoever writes stdout.

        Raises UnsavedError for bytes that are no whole picture, DiskError where the disk took them nowhere; both
        say where the bytes are.
        """
        name = self.prepared.names[min(index, len(self.prepared.names) - 1)]
        identity = judge(data)
        problem = self._problem(identity)
        if identity.format is None or problem:
            raise self._rescued(data, name, identity, problem)
        self._compare(identity, name)
        if to_stdout:
            return self._image(index, None, data, identity, revised_prompt)
        overwrite = self.prepared.if_exists == "overwrite" and index < self.prepared.n
        if name.literal_format in (None, identity.format):
            path = self._save(data, path_for(name, identity.format), overwrite)
        elif "svg" in (name.literal_format, identity.format):
            path = self._save(data, path_for(_truly(name), identity.format), overwrite)
        else:
            path, data = self._converted(data, name, identity.format, overwrite)
            identity = judge(data)
        image = self._image(index, path, data, identity, revised_prompt)
        self.listen(Saved(image=image))
        return image

    def _problem(self, identity: Identity) -> str | None:
        if identity.format is None or not identity.whole:
            return identity.problem or "unknown bytes"
        if identity.format == "svg" and self.prepared.output_format != "svg":
            return "an SVG, which was not asked for"
        return None

    def _compare(self, identity: Identity, name: Name) -> None:
        """Says where the answer differs from what was asked."""
        asked, size = self.prepared.output_format, self.prepared.size
        if asked and asked != identity.format and not name.literal_format:
            self.listen(Warned(code="other_format", message=f"{asked} was asked for, {identity.format} came"))
        if size and identity.size and size != identity.size:
            self.listen(Warned(code="other_size", message=f"{size} was asked for, {identity.size} came"))

    def _converted(self, data: bytes, name: Name, came: str, overwrite: bool) -> tuple[Path, bytes]:
        """The literal name with bytes that fit it, and what came beside it: under a name nobody gave, so numbered."""
        from imagecli.pictures.finish import convert

        assert name.literal_format
        target = path_for(name, came)
        kept = self._save(data, marked(target, f".orig{path_for(_truly(name), came).suffix}"), False)
        try:
            converted = convert(data, name.literal_format)
        except ImagecliError as error:
            raise UnsavedError(
                f"{target} can't be made of what came: {error.message}",
                hint="it is kept as it came",
                code="not_converted",
                rescued_path=str(kept),
            ) from error
        path = self._save(converted, target, overwrite)
        said = f"{path} was converted from {came}, without its proof of origin; {kept} is as it came"
        self.listen(Noted(code="converted", message=said))
        return path, converted

    def _save(self, data: bytes, path: Path, overwrite: bool) -> Path:
        try:
            return save(data, path, overwrite=overwrite)
        except DiskError as error:
            error.rescued_path = str(rescue(data, path, self.rescue_folder, damaged=False))
            raise

    def _rescued(self, data: bytes, name: Name, identity: Identity, problem: str | None) -> UnsavedError:
        planned = path_for(name, identity.format or self.prepared.output_format or "png")
        kept = rescue(data, planned, self.rescue_folder, damaged=True) if data else None
        return UnsavedError(
            f"what came for {planned} is not a whole picture: {problem}",
            hint="it is kept as it came; look at it before buying it again" if kept else "it may have been billed",
            code="damaged",
            rescued_path=str(kept) if kept else None,
        )

    def _image(
        self, index: int, path: Path | None, data: bytes, identity: Identity, revised_prompt: str | None
    ) -> SavedImage:
        assert identity.format
        return SavedImage(
            path=path,
            bytes=len(data),
            format=identity.format,
            size=identity.size,
            sha256=hashlib.sha256(data).hexdigest(),
            revised_prompt=revised_prompt,
            request=self.prepared.request,
            index=index,
        )


def _truly(name: Name) -> Name:
    """*name* with whatever ending is true."""
    return replace(name, literal_format=None, ending=None)
