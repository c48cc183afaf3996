"""Does the model take each parameter that was set, and the value it was set to?"""

from __future__ import annotations

import difflib

from imagecli.catalog import OPTIONAL, ModelRow
from imagecli.domain import Rendering
from imagecli.errors import UsageError
from imagecli.formats import ENDINGS

OWN_FIELDS = {
    "prompt": "PROMPT or --prompt",
    "model": "--model",
    "n": "-n",
    "size": "--size",
    "output_format": "--output-format",
    "image": "imagecli edit IMAGE, and --image",
    "image[]": "imagecli edit IMAGE, and --image",
    "mask": "imagecli edit IMAGE --mask FILE",
    "stream": "leave it out: pictures come whole",
}
"""Fields that --param can't set, and what does: their checks would be passed by, or the answer be misread."""


def check_parameters(look: Rendering, row: ModelRow) -> None:
    """Raises UsageError for a parameter or value that *row* does not take, with the nearest that it does."""
    if look.n < 1:
        raise UsageError(f"-n {look.n}: at least 1 picture is wanted")
    for name in OPTIONAL:
        if (value := getattr(look, name)) is not None:
            _check_optional(name, value, row)
    for key, _ in look.params:
        if key in OWN_FIELDS:
            raise UsageError(f"--param {key}: imagecli sets that itself", hint=OWN_FIELDS[key])


def _check_optional(name: str, value: object, row: ModelRow) -> None:
    flag = "--" + name.replace("_", "-")
    if name not in row.parameters:
        raise UsageError(
            f"{flag}: {row.name} does not take it",
            hint=_INSTEAD.get(name, f"leave {flag} out, or name another model with -m"),
        )
    allowed = row.allowed(name)
    if allowed and value not in allowed:
        raise UsageError(
            f"{flag} {value}: {row.name} takes {', '.join(allowed)}", hint=f"{flag} {_nearest(str(value), allowed)}"
        )


def _nearest(value: str, allowed: tuple[str, ...]) -> str:
    """The word of *allowed* that was meant: `jpeg` for JPG."""
    word = ENDINGS.get(value.lower(), value.lower())
    return next(iter(difflib.get_close_matches(word, allowed, n=1)), allowed[0])


_INSTEAD = {
    "response_format": "leave --response-format out: this model always answers with base64, and imagecli saves either",
}
