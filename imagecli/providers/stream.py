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
from imagecli.providers.errors import error_from_document
from imagecli.providers.lenient import find_hidden_images, parse_json_joining_lists
from imagecli.providers.sse import END_BYTES, SseEvent, SseReader

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
class StreamResult:
    """What a stream told."""

    items: tuple[Any, ...]
    """Pictures in the order in which they came, as in an answer's `data`; None for one that can't be read."""
    usage: dict[str, Any] | None = None
    """The whole request's."""
    errors: tuple[ImagecliError, ...] = ()


def event_role(event: SseEvent) -> Role:
    """What *event* is, by its type and else its name. Looks at the ends of its JSON: between them lies base64."""
    if event.data.startswith(DONE):
        return "end"
    for end in (event.data[:END_BYTES], event.data[-END_BYTES:]):
        for found in _TYPE.finditer(end):
            if role := _role_by_name(found[1].decode()):
                return role
    return _role_by_name(event.name) or "other"


def _role_by_name(kind: str) -> Role | None:
    return ROLES.get(kind.rpartition(".")[2])


def has_completed_image(event: SseEvent) -> bool:
    """Whether a completed picture is in *event*, without reading its JSON: other things are completed too."""
    return event_role(event) == "picture" and bool(_PICTURE.search(event.data))


def parse_payload(event: SseEvent) -> Any:
    """Its JSON, or None where it is none. Lines that a server broke inside a string are joined as they come."""
    try:
        return parse_json_joining_lists(event.data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def read_stream(body: bytes) -> StreamResult:
    """What the events of *body* tell. Raises UnsavedError where no picture came whole, or the error that was told."""
    reader = SseReader(limit=len(body))
    events = reader.feed(body)
    tale = _StreamState()
    for event in events:
        tale.add_event(event, whole=True)
    for event in reader.end():
        tale.add_event(event, whole=False)
    if all(item is None for item in tale.items):
        raise tale.no_images_error()
    return StreamResult(items=tuple(tale.items), usage=_merge_usages(tale.usages), errors=tuple(tale.errors))


@dataclass(slots=True)
class _StreamState:
    items: list[Any] = field(default_factory=list)
    usages: list[dict[str, Any]] = field(default_factory=list)
    """One for each event that told of some."""
    errors: list[ImagecliError] = field(default_factory=list)
    partials: int = 0
    is_cut: bool = False
    """It broke off in a picture's event."""

    def add_event(self, event: SseEvent, *, whole: bool) -> None:
        """Takes in *event*; one that is not *whole* counts only if its JSON is."""
        role = event_role(event)
        payload = parse_payload(event)
        if not isinstance(payload, dict):
            self._add_other(event, role, whole=whole)
            return
        items = _images_in(payload)
        if role == "picture" and not items and any(find_hidden_images(payload)):
            items = [payload]
        if role == "picture" or (role == "other" and _is_unnamed_image(event, payload)):
            self.items += items
            if isinstance(payload.get("usage"), dict):
                self.usages.append(payload["usage"])
        elif role == "partial":
            self.partials += 1
        if role == "error" or (payload.get("error") and not items):
            self.errors.append(error_from_document(payload))

    def _add_other(self, event: SseEvent, role: Role, *, whole: bool) -> None:
        if role == "picture":
            self.is_cut = not whole
            self.items += [None] * whole
        elif role == "error" and whole:
            self.errors.append(error_from_document({"error": event.data[:END_BYTES].decode("utf-8", "replace")}))

    def no_images_error(self) -> ImagecliError:
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


def _is_unnamed_image(event: SseEvent, payload: dict[str, Any]) -> bool:
    """Whether an event without name and type can be a picture, as small servers send it."""
    return event.name == "message" and "type" not in payload and "partial_image_index" not in payload


_BILLED = "it may have been billed; the provider's usage page tells"


def _images_in(payload: dict[str, Any]) -> list[Any]:
    """The pictures that an event holds: itself, or those of a whole answer that a server put into one event."""
    for name in ("data", "images"):
        if isinstance(payload.get(name), list) and payload[name]:
            return list(payload[name])
    is_picture = any(isinstance(payload.get(name), str) and payload[name] for name in ("b64_json", "url"))
    return [payload] if is_picture else []


def _merge_usages(usages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """What several events tell of one request: once where all say the same, else added up.

    The reference leaves open whose usage a picture's event tells. Everywhere else `usage` is the whole request's, and
    its input was read only once: events of single pictures would not all have it, and so would differ.
    """
    if not usages:
        return None
    first, *others = usages
    if all(other == first for other in others):
        return first
    return reduce(_add_numbers, others, first)


def _add_numbers(one: Any, other: Any, depth: int = 4) -> Any:
    """Numbers added, objects by their keys; of anything else what came last."""
    if isinstance(one, dict) and isinstance(other, dict) and depth:
        return {key: _add_numbers(one.get(key), other.get(key), depth - 1) for key in {**one, **other}}
    if _is_number(one) and _is_number(other):
        with suppress(OverflowError):
            return one + other
    return one if other is None else other


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
