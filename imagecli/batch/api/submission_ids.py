"""What names the parts of a submission to a Batch API: a line is named after its item, a batch after its manifest.

So a manifest alone is enough to find again what was submitted of it.
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
class LineId:
    """The images of an item that one line requests; as text, the line's `custom_id`."""

    key: str
    """`item_key` of the item."""
    begin: int
    """The first of its images, counted from 0 over the item's lines."""
    n: int

    def __str__(self) -> str:
        return f"{self.key}-{self.begin}-{self.n}"


def item_key(id: str, hash: str) -> str:
    """Names an item by its *id* and its request *hash*."""
    return f"{hashlib.sha256(id.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}-{hash[:24]}"


def parse_custom_id(text: str) -> LineId | None:
    """The meaning of a line's `custom_id`; None if it is not one of ours."""
    match = _CUSTOM_ID.fullmatch(text)
    return LineId(key=match["key"], begin=int(match["begin"]), n=int(match["n"])) if match else None


def batch_metadata(name: str, digest: str, submission: str) -> dict[str, str]:
    """The metadata that a batch of the manifest *name* with the SHA-256 *digest* is found by."""
    return {MANIFEST: name[:MAX_VALUE], MANIFEST_SHA256: digest, SUBMISSION: submission}
