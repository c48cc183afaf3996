"""Shards of a manifest for several machines: which item belongs to which, and what each may spend."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from imagecli.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part *index* of *of*, from 1."""

    index: int
    of: int

    def __str__(self) -> str:
        return f"{self.index}/{self.of}"

    def contains(self, id: str) -> bool:
        """Whether the item with this *id* is in the shard."""
        return shard_index(id, self.of) == self.index


def parse_shard(text: str) -> Shard:
    """The value of `--shard K/N`. Raises UsageError."""
    match = re.fullmatch(r"\s*([0-9]{1,6})\s*/\s*([0-9]{1,6})\s*", text, re.ASCII)
    index, of = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 1 <= index <= of:
        raise UsageError(
            f"invalid shard {text!r}, expected K/N with K from 1 to N", hint=f"for example --shard 1/{of or 3}"
        )
    return Shard(index=index, of=of)


def shard_index(id: str, of: int) -> int:
    """Which of *of* shards an item belongs to, from 1: by its id alone, wherever it is in the manifest."""
    digest = hashlib.sha256(id.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % of + 1


def cap_share(cap_usd: float, ours: float, total: float) -> float:
    """What a shard may spend of the cost limit *cap_usd*, so that all shards together stay within it.

    *ours* and *total* are what creating all of the shard and all of the manifest would cost in USD: every machine
    computes the same shares, however far the others are.
    """
    return cap_usd * (ours / total) if total > 0 else cap_usd
