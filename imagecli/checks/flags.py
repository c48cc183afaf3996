"""How the fields of a request are called at the prompt."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from imagecli.catalog import OPTIONAL
from imagecli.domain import Svg


def flag_of(name: str, value: object = None) -> str:
    """The flag that sets the field *name* (to *value*, where it has several)."""
    if name == "svg":
        return "--svg-model" if isinstance(value, Svg) and value.effort is None else "--svg-reasoning-effort"
    return "--" + name.replace("_", "-")


OWN_FIELDS: Final[Mapping[str, str]] = {
    **{name: flag_of(name) for name in ("model", "size", *OPTIONAL)},
    "prompt": "PROMPT or --prompt",
    "n": "-n",
    "image": "imagecli edit IMAGE, and --image",
    "image[]": "imagecli edit IMAGE, and --image",
    "images": "imagecli edit IMAGE, and --image",
    "mask": "imagecli edit IMAGE --mask FILE",
    "markup": "imagecli edit IMAGE --markup FILE",
}
"""Fields that --param can't set, and what does: else checks and price would be passed by, or the answer misread."""

LENT: Final = frozenset({"size", *OPTIONAL}) - {"stream", "partial_images"}
"""Those of them that --param may set all the same, where nothing of ours hangs on what they say."""
