"""Which sizes a model makes, and which of them is nearest to a name, a ratio or a size it does not make."""

from collections.abc import Iterator
from math import ceil, gcd, isqrt, log, sqrt
from typing import Annotated, NamedTuple

from imagecli.domain import RequestedSize, Shape, Size
from imagecli.errors import UsageError
from imagecli.serialization import Count, Limits


def size_distance(first: Size, second: Size) -> float:
    """0 for the same size. Grows with every edge that changes, and faster where the shape changes much."""
    wider, higher = log(first.width / second.width), log(first.height / second.height)
    return abs(wider) + abs(higher) + 4 * (wider - higher) ** 2


def crop_waste(source: Size, target: Size) -> float:
    """What is lost if *source* is scaled to cover *target* and the rest is cropped; 0 for the same size.

    A small crop costs less than any resizing, a large one costs more; enlarging costs most, as it loses sharpness.
    """
    scale = max(target.width / source.width, target.height / source.height)
    cropped_share = 1 - target.pixels / (scale * scale * source.pixels)
    resize_cost = 0.25 + 8 * log(scale) if scale > 1 else -2 * log(scale)
    return cropped_share + 10 * cropped_share**2 + resize_cost


RATIO_STEP = 0.005
"""Aspect ratios that differ by less than this count as equal: a region is grown or cut by so much to fit a size."""

REGION_RATIO = 3.0
"""The longer edge of a region divided by the shorter, at most, for models without a limit."""


def region_loss(size: Size, region: Size) -> tuple[int, float, int]:
    """What is worse about *size* for a *region* of an image: its ratio, then the pixels that it lacks or adds."""
    ratio = abs(log(size.width / size.height) - log(region.width / region.height))
    shrunk = max(0.0, log(region.width / size.width), log(region.height / size.height))
    return int(ratio / RATIO_STEP), shrunk, size.pixels


class SizeRule(NamedTuple):
    """Which sizes a model makes: a set, or limits on edges, ratio and pixels."""

    auto: bool = False
    set: tuple[Size, ...] = ()
    multiple: Count = 1
    """Both edges are multiples of this many pixels."""
    max_edge: Count | None = None
    max_ratio: Annotated[float, Limits(1, 1e9)] | None = None
    """Longer edge divided by shorter."""
    min_pixels: Count = 1
    max_pixels: Count | None = None
    stable_pixels: Count | None = None
    """Larger sizes are experimental: requested only if the user asks for them."""
    usual: tuple[Size, ...] = ()
    """Without a set: the sizes made for shapes of these ratios."""
    long_edge: Count = 1536
    """Without a set: the longer edge, about, of the sizes made for other shapes."""

    def check(self, where: str) -> None:
        """Raise UsageError, which names the table *where*, if the limits leave no size."""
        if self.max_pixels is not None and self.min_pixels > self.max_pixels:
            raise UsageError(f"{where}: min_pixels {self.min_pixels:,} is above max_pixels {self.max_pixels:,}")
        if self.max_edge is not None and self.min_pixels > self.max_edge**2:
            raise UsageError(f"{where}: min_pixels {self.min_pixels:,} is above max_edge {self.max_edge:,} squared")
        if self.max_edge is not None and self.multiple > self.max_edge:
            raise UsageError(f"{where}: multiple {self.multiple:,} is above max_edge {self.max_edge:,}")

    def objection(self, size: RequestedSize) -> str | None:
        """Why *size* is not made, in words that finish "SIZE: …"; None when it is."""
        if isinstance(size, str):
            return None if self.auto else f"it supports {self.describe()}"
        if self.set:
            return None if size in self.set else f"it supports {self.describe()}"
        longer, shorter = max(size.width, size.height), min(size.width, size.height)
        if size.width % self.multiple or size.height % self.multiple:
            edge = size.height if size.height % self.multiple else size.width
            return f"{edge} is not a multiple of {self.multiple}"
        if self.max_edge and longer > self.max_edge:
            return f"the maximum edge is {self.max_edge} pixels"
        if self.max_ratio and longer > shorter * self.max_ratio:
            return f"the long edge may be at most {self.max_ratio:g} times the short one"
        if size.pixels < self.min_pixels:
            return f"it has {size.pixels:,} pixels; the minimum is {self.min_pixels:,}"
        if self.max_pixels and size.pixels > self.max_pixels:
            return f"it has {size.pixels:,} pixels; the maximum is {self.max_pixels:,}"
        return None

    def describe(self) -> str:
        """The rule as text: `256x256, 512x512 or 1024x1024`."""
        words = [str(size) for size in self.set] or [f"multiples of {self.multiple}"]
        words += ["auto"] if self.auto else []
        return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]

    def examples(self) -> tuple[str, ...]:
        """Sizes to suggest."""
        sizes = tuple(str(size) for size in self.set or self.usual)
        return (*sizes, "auto") if self.auto else sizes

    def nearest(self, size: Size) -> Size | None:
        """The supported size that is most like *size*, the larger of two; None if the rule allows no size."""
        if not self.objection(size):
            return size
        return min(self._sizes_near(size), key=lambda legal: (size_distance(legal, size), -legal.pixels), default=None)

    def covering(self, size: Size) -> Size | None:
        """The supported size to request for exactly *size*: it covers it with the least cropping and shrinking.

        If none is large enough, the one that needs the least enlarging. None if the rule allows no size.
        """
        if not self.objection(size):
            return size
        return min(self._sizes_near(size), key=lambda legal: (crop_waste(legal, size), legal.pixels), default=None)

    def for_region(self, region: Size) -> Size | None:
        """The supported size to request for a *region* of an image: of about its ratio, and with all of its pixels if
        a size that is not experimental has as many. None if the rule allows no size.
        """
        sizes = self.set or tuple(self._sizes_of_region(region))
        return min(sizes, key=lambda size: region_loss(size, region), default=None)

    def nearest_to_shape(self, shape: Shape) -> Size | None:
        """The supported size for *shape*; None if the model makes no size of that ratio.

        Of a set, the largest that has the ratio, or the orientation that a name stands for. Else the usual one, or the
        size of exactly that ratio whose long edge is nearest to `long_edge`, or the supported size most like it.
        """
        if self.set:
            fits = shape.has_same_orientation if shape.is_named else shape.is_exactly
            fitting = [size for size in self.set if fits(size)]
            return max(fitting, key=lambda size: (-shape_distance(size, shape), size.pixels), default=None)
        exact = [size for size in self.usual if shape.is_exactly(size)] or list(self._sizes_of_shape(shape))
        if exact:
            return min(exact, key=lambda size: abs(max(size.width, size.height) - self.long_edge))
        longer, shorter = max(shape.width, shape.height), min(shape.width, shape.height)
        if self.max_ratio and longer > shorter * self.max_ratio:
            return None
        return self.nearest(self.approximate(shape))

    def approximate(self, shape: Shape) -> Size:
        """*shape* with the usual long edge, as near as the grid allows, whether the model makes it or not."""
        scale = self.long_edge / max(shape.width, shape.height) / self._edge_multiple
        return Size(*(max(1, round(edge * scale)) * self._edge_multiple for edge in (shape.width, shape.height)))

    @property
    def _edge_multiple(self) -> int:
        """What the edges of a shape's size are multiples of: if the model allows any, 16, which suits every encoder."""
        return self.multiple if self.multiple > 1 else 16

    def _sizes_of_shape(self, shape: Shape) -> Iterator[Size]:
        """Supported sizes of exactly that ratio whose long edge is within a quarter of the usual one."""
        part = gcd(shape.width, shape.height)
        width, height = (edge // part * self._edge_multiple for edge in (shape.width, shape.height))
        for times in range(1, self.long_edge * 5 // 4 // max(width, height) + 1):
            size = Size(width * times, height * times)
            if max(size.width, size.height) * 4 >= self.long_edge * 3 and not self.objection(size):
                yield size

    def _sizes_of_region(self, region: Size) -> Iterator[Size]:
        """Supported sizes of about the ratio of *region*, within a quarter of the best scale."""
        most = self.stable_pixels or self.max_pixels or self.long_edge**2
        least = max(self.min_pixels, min(self.long_edge**2 // 4, most))
        width, height = float(region.width), float(region.height)
        ratio = self.max_ratio or REGION_RATIO
        width, height = max(width, height / ratio), max(height, width / ratio)
        longest = (self.max_edge or max(width, height)) / max(width, height)
        scale = max(min(1.0, sqrt(most / (width * height)), longest), sqrt(least / (width * height)))
        step = self._edge_multiple
        for columns in range(max(1, int(width * scale * 0.75 / step)), int(width * scale * 1.25 / step) + 2):
            rows = int(columns * height / width)
            for size in (Size(columns * step, max(1, rows) * step), Size(columns * step, (rows + 1) * step)):
                if size.pixels <= max(most, self.min_pixels) and not self.objection(size):
                    yield size

    def _sizes_near(self, size: Size) -> Iterator[Size]:
        """The supported sizes worth comparing with *size*: for each width the heights nearest to its height and to
        its shape.
        """
        if self.set:
            yield from self.set
            return
        longest = max(size.width, size.height, isqrt(self.min_pixels) + 1)
        for width in range(self.multiple, (self.max_edge or longest + self.multiple) + 1, self.multiple):
            lowest, highest = self._height_range(width, longest)
            for height in (size.height, width * size.height // size.width):
                down = height // self.multiple * self.multiple
                for candidate in (down, down + self.multiple):
                    legal = Size(width, min(max(candidate, lowest), highest))
                    if lowest <= highest and not self.objection(legal):
                        yield legal

    def _height_range(self, width: int, longest: int) -> tuple[int, int]:
        """The lowest and highest supported height for *width*; the lowest is above the highest if there is none."""
        ratio = self.max_ratio or float("inf")
        low = max(ceil(self.min_pixels / width), ceil(width / ratio), 1)
        high = min(self.max_edge or longest + self.multiple, int(min(width * ratio, 1e9)))
        if self.max_pixels:
            high = min(high, self.max_pixels // width)
        return -(-low // self.multiple) * self.multiple, high // self.multiple * self.multiple


def shape_distance(size: Size, shape: Shape) -> float:
    """The difference between the aspect ratios of *size* and *shape*."""
    return abs(size.width / size.height - shape.width / shape.height)
