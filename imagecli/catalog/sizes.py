"""Which sizes a model makes, and the one that a name, a ratio or an illegal size comes nearest to. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from imagecli.domain import RequestedSize, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRule:
    """Which sizes a model makes: a set, or limits on edges, ratio and pixels."""

    auto: bool = False
    set: tuple[Size, ...] = ()
    multiple: int = 1
    """Both edges are multiples of this many pixels."""
    max_edge: int | None = None
    max_ratio: float | None = None
    """Longer edge by shorter."""
    min_pixels: int = 1
    max_pixels: int | None = None

    def objection(self, size: RequestedSize) -> str | None:
        """Why *size* is not made, in words that finish "SIZE: …"; None when it is."""
        if isinstance(size, str):
            return None if self.auto else f"it makes {self.words()}"
        if self.set:
            return None if size in self.set else f"it makes {self.words()}"
        longer, shorter = max(size.width, size.height), min(size.width, size.height)
        if size.width % self.multiple or size.height % self.multiple:
            edge = size.height if size.height % self.multiple else size.width
            return f"{edge} is not a multiple of {self.multiple}"
        if self.max_edge and longer > self.max_edge:
            return f"the longest edge is {self.max_edge}"
        if self.max_ratio and longer > shorter * self.max_ratio:
            return f"the long edge is at most {self.max_ratio:g} times the short one"
        if size.pixels < self.min_pixels:
            return f"it has {size.pixels:,} pixels, at least {self.min_pixels:,} are made"
        if self.max_pixels and size.pixels > self.max_pixels:
            return f"it has {size.pixels:,} pixels, at most {self.max_pixels:,} are made"
        return None

    def words(self) -> str:
        """The rule for people: `256x256, 512x512 or 1024x1024`."""
        words = [str(size) for size in self.set] or [f"multiples of {self.multiple}"]
        words += ["auto"] if self.auto else []
        return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]

    def examples(self) -> tuple[str, ...]:
        """Sizes to offer in a hint."""
        sizes = tuple(str(size) for size in self.set) or ("1024x1024", "1536x1024", "1024x1536", "2048x2048")
        return (*sizes, "auto") if self.auto else sizes
