"""How a provider's batch names what is ours: a line by its purchase, all of it by its manifest. Pure.

Nothing of this is written down anywhere else: from a manifest alone it can be found again what was handed in of it.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

MANIFEST: Final = "imagecli_manifest"
MANIFEST_SHA256: Final = "imagecli_manifest_sha256"
SUBMISSION: Final = "imagecli_submission"
"""Keys of a batch's metadata."""
MAX_VALUE: Final = 512
"""Characters of a value there. OpenAI API reference, metadata, read 2026-11-22."""

_CUSTOM_ID: Final = re.compile(r"(?P<key>[0-9a-f]{16}-[0-9a-f]{24})-(?P<begin>[0-9]{1,9})-(?P<n>[0-9]{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a line is of a purchase."""

    key: str
    """`key_of` the purchase."""
    begin: int
    """The first of its pictures, of those that were asked for together."""
    n: int

    def __str__(self) -> str:
        return f"{self.key}-{self.begin}-{self.n}"


def key_of(id: str, hash: str) -> str:
    """Names a purchase and what was asked for by it."""
    return f"{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}-{hash[:24]}"


def read_custom_id(text: str) -> Place | None:
    """What a line's `custom_id` says; None where it is not ours."""
    match = _CUSTOM_ID.fullmatch(text)
    return Place(key=match["key"], begin=int(match["begin"]), n=int(match["n"])) if match else None


def metadata_of(name: str, digest: str, submission: str) -> dict[str, str]:
    """What a batch of the manifest *name* with the sha256 *digest* is found again by."""
    return {MANIFEST: name[:MAX_VALUE], MANIFEST_SHA256: digest, SUBMISSION: submission}
