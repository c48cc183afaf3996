"""A picture on its way to stdout: it lies in a staged file, and its answer in the spool, until stdout has taken it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from imagecli.domain import SavedImage
from imagecli.errors import DiskError
from imagecli.exchange import Prepared
from imagecli.naming import path_for
from imagecli.outcome import Parcel
from imagecli.run.gathering import Staged
from imagecli.store.files import rescue, save
from imagecli.store.staging import discard


def parcel(
    staged: Staged, image: SavedImage, prepared: Prepared, rescue_folder: Path, release: Callable[[], None]
) -> Parcel:
    """*staged* to be handed to stdout; *release* lets go of the answer that it came in."""

    def done() -> None:
        discard(staged.path)
        with suppress(OSError):
            rescue_folder.rmdir()
        release()

    def saved() -> Path:
        """Under the name that it would have had as a file."""
        path = path_for(prepared.name(image.index), image.format)
        try:
            with staged.path.open("rb") as file:
                used = save(iter(lambda: file.read(_PIECE_BYTES), b""), path, label=prepared.id)
        except (DiskError, OSError):
            used = rescue(staged.path, path, rescue_folder, damaged=False)
        done()
        return used

    return Parcel(path=staged.path, done=done, save=saved)


_PIECE_BYTES = 256 * 1024
