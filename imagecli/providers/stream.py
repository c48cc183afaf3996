"""The events of a stream → the pictures, usage and errors that they tell of. Broken off or not: what came whole counts.

Sources: OpenAI API reference, streaming events; Ark's and MiniMax's, which end each picture with `partial_succeeded`
and the stream with a `completed` that holds usage alone. All read 2026-11-23.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, Literal, TypeAlias

from imagecli.errors import ImagecliError, UnsavedError
from imagecli.providers.errors import error_told
from imagecli.providers.lenient import parsed, pictures_in
from imagecli.providers.sse import END_BYTES, Event, Reader

Role: TypeAlias = Literal["picture", "partial", "error", "end", "other"]

ROLES: Final[dict[str, Role]] = {
    "completed": "picture",
    "partial_succeeded": "picture",
    "partial_image": "partial",
    "partial_failed": "error",
    "error": "error",
}
"""The last word of an event's type → what it is. All others are ignored, whatever they hold."""

DONE: Final = b"[DONE]"
_TYPE: Final = re.compile(rb'"type"\s*:\s*"([\w.]{1,80})"')
_PICTURE: Final = re.compile(rb'"(?:b64_json|url)"\s*:\s*"[^"]')


@dataclass(frozen=True, slots=True, kw_only=True)
class Streamed:
    """What a stream told."""

    items: tuple[Any, ...]
    """Pictures in the order in which they came, as in an answer's `data`; None for one that can't be read."""
    usage: dict[str, Any] | None = None
    """The whole request's."""
    errors: tuple[ImagecliError, ...] = ()


def role_of(event: Event) -> Role:
    """What *event* is, by its type and else its name. Looks at the ends of its JSON: between them lies base64."""
    if event.data.startswith(DONE):
        return "end"
    for end in (event.data[:END_BYTES], event.data[-END_BYTES:]):
        for found in _TYPE.finditer(end):
            if role := _role(found[1].decode()):
                return role
    return _role(event.name) or "other"


def _role(kind: str) -> Role | None:
    return ROLES.get(kind.rpartition(".")[2])


def shows_picture(event: Event) -> bool:
    """Whether a completed picture is in *event*, without reading its JSON: other things are completed too."""
    return role_of(event) == "picture" and bool(_PICTURE.search(event.data))


def payload_of(event: Event) -> Any:
    """Its JSON, or None where it is none. Lines that a server broke inside a string are joined as they come."""
    try:
        return parsed(event.data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def read_stream(body: bytes) -> Streamed:
    """What the events of *body* tell. Raises UnsavedError where no picture came whole, or the error that was told."""
    reader = Reader(limit=len(body))
    events = reader.feed(body)
    tale = _Tale()
    for event in events:
        tale.hear(event, whole=True)
    for event in reader.end():
        tale.hear(event, whole=False)
    if all(item is None for item in tale.items):
        raise tale.why_none()
    return Streamed(items=tuple(tale.items), usage=_of_all(tale.usages), errors=tuple(tale.errors))


@dataclass(slots=True)
class _Tale:
    items: list[Any] = field(default_factory=list)
    usages: list[dict[str, Any]] = field(default_factory=list)
    """One for each event that told of some."""
    errors: list[ImagecliError] = field(default_factory=list)
    partials: int = 0
    is_cut: bool = False
    """It broke off in a picture's event."""

    def hear(self, event: Event, *, whole: bool) -> None:
        """Takes in *event*; one that is not *whole* counts only if its JSON is."""
        role = role_of(event)
        payload = payload_of(event)
        if not isinstance(payload, dict):
            self._hear_no_object(event, role, whole=whole)
            return
        items = _items_of(payload)
        if role == "picture" and not items and any(pictures_in(payload)):
            items = [payload]
        if role == "picture" or (role == "other" and _is_plain(event, payload)):
            self.items += items
            if isinstance(payload.get("usage"), dict):
                self.usages.append(payload["usage"])
        elif role == "partial":
            self.partials += 1
        if role == "error" or (payload.get("error") and not items):
            self.errors.append(error_told(payload))

    def _hear_no_object(self, event: Event, role: Role, *, whole: bool) -> None:
        if role == "picture":
            self.is_cut = not whole
            self.items += [None] * whole
        elif role == "error" and whole:
            self.errors.append(error_told({"error": event.data[:END_BYTES].decode("utf-8", "replace")}))

    def why_none(self) -> ImagecliError:
        """Why there is no picture. What was refused with partial pictures there was made so far, and billed perhaps."""
        if self.errors and self.partials:
            error = self.errors[0]
            said = f"{error.message}; partial pictures had come before ({self.partials})"
            return UnsavedError(said, hint=_BILLED, code=error.code, status=error.status)
        if self.errors:
            return self.errors[0]
        words = "the stream held no picture"
        if self.items:
            words = "the picture's event of the stream is not JSON"
        elif self.is_cut:
            words = "the stream broke off in its picture"
        elif self.partials:
            words = f"only partial pictures came ({self.partials}), and the stream ended before the picture"
        return UnsavedError(words, hint=_BILLED, code="no_picture")


def _is_plain(event: Event, payload: dict[str, Any]) -> bool:
    """Whether an event without name and type can be a picture, as small servers send it."""
    return event.name == "message" and "type" not in payload and "partial_image_index" not in payload


_BILLED = "it may have been billed; the provider's usage page tells"


def _items_of(payload: dict[str, Any]) -> list[Any]:
    """The pictures that an event holds: itself, or those of a whole answer that a server put into one event."""
    for name in ("data", "images"):
        if isinstance(payload.get(name), list) and payload[name]:
            return list(payload[name])
    is_picture = any(isinstance(payload.get(name), str) and payload[name] for name in ("b64_json", "url"))
    return [payload] if is_picture else []


def _of_all(usages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What several events tell of one request: once where all say the same, else added up.

    The reference leaves open whose usage a picture's event tells. Everywhere else `usage` is the whole request's, and
    its input was read only once: events of single pictures would not all have it, and so would differ.
    """
    if not usages:
        return None
    first, *others = usages
    if all(other == first for other in others):
        return first
    return reduce(_sum, others, first)


def _sum(one: Any, other: Any, depth: int = 4) -> Any:
    """Numbers added, objects by their keys; of anything else what came last."""
    if isinstance(one, dict) and isinstance(other, dict) and depth:
        return {key: _sum(one.get(key), other.get(key), depth - 1) for key in {**one, **other}}
    if _is_number(one) and _is_number(other):
        with suppress(OverflowError):
            return one + other
    return one if other is None else other


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
