"""The events of a stream → images, usage and errors. In a stream that broke off, every complete image counts.

Sources: OpenAI API reference, streaming events; those of Ark and MiniMax, which end each image with
`partial_succeeded` and the stream with a `completed` that has only usage. All read 2026-11-23.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from typing import Any, Final, Literal, TypeAlias

from imagecli.errors import ImagecliError, UnsavedError
from imagecli.providers.errors import error_from_document
from imagecli.providers.large_json import parse_json_joining_lists
from imagecli.providers.sse import END_BYTES, SseEvent, SseReader
from imagecli.providers.undocumented_images import find_hidden_images

Role: TypeAlias = Literal["image", "partial", "error", "end", "progress", "other"]

ROLES: Final[dict[str, Role]] = {
    "completed": "image",
    "partial_succeeded": "image",
    "partial_image": "partial",
    "queued": "progress",
    "in_progress": "progress",
    "progress": "progress",
    "preview": "progress",
    "thumbnail": "progress",
    "partial_failed": "error",
    "error": "error",
}
"""The last word of an event's type → its role. Images in other events count only if no event has a role of an image."""

DONE: Final = b"[DONE]"
_TYPE: Final = re.compile(rb'"type"\s*:\s*"([\w.]{1,80})"')
_IMAGE: Final = re.compile(rb'"(?:b64_json|url)"\s*:\s*"[^"]')


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamResult:
    """What the events of a stream contained."""

    items: tuple[Any, ...]
    """Images in order of arrival, like the items of `data`; None for one that can't be parsed."""
    usage: dict[str, Any] | None = None
    """Of the entire request."""
    errors: tuple[ImagecliError, ...] = ()


def event_role(event: SseEvent) -> Role:
    """The role of *event*, by its type or else its name. Searches only the ends of its JSON: base64 is between them."""
    if event.data.startswith(DONE):
        return "end"
    for end in (event.data[:END_BYTES], event.data[-END_BYTES:]):
        for match in _TYPE.finditer(end):
            if role := _role_by_name(match[1].decode()):
                return role
    return _role_by_name(event.name) or "other"


def _role_by_name(kind: str) -> Role | None:
    return ROLES.get(kind.rpartition(".")[2])


def has_completed_image(event: SseEvent) -> bool:
    """Whether *event* has a completed image, without parsing its JSON: not every `completed` event has one."""
    return event_role(event) == "image" and bool(_IMAGE.search(event.data))


def parse_payload(event: SseEvent) -> Any:
    """The JSON of *event*, or None if it is invalid. Strings that a server broke over several lines are joined."""
    try:
        return parse_json_joining_lists(event.data.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        return None


def read_stream(body: bytes) -> StreamResult:
    """Reads the events of *body*. Without a complete image, raises the error in the stream, else UnsavedError."""
    reader = SseReader()
    events = reader.feed(body)
    state = _StreamState()
    for event in events:
        state.add_event(event, is_complete=True)
    for event in reader.end():
        state.add_event(event, is_complete=False)
    items = state.all_items()
    if all(item is None for item in items):
        raise state.no_images_error()
    return StreamResult(items=tuple(items), usage=_merge_usages(state.usages), errors=tuple(state.errors))


@dataclass(slots=True)
class _StreamState:
    items: list[Any] = field(default_factory=list)
    others: dict[str, list[Any]] = field(default_factory=dict)
    """Type of other events → the images in them, wherever they are."""
    usages: list[dict[str, Any]] = field(default_factory=list)
    """One of each event that states usage."""
    errors: list[ImagecliError] = field(default_factory=list)
    partials: int = 0
    is_cut: bool = False
    """The stream broke off in an image's event."""

    def add_event(self, event: SseEvent, *, is_complete: bool) -> None:
        """Adds *event*; an incomplete one counts only if its JSON is complete."""
        role = event_role(event)
        payload = parse_payload(event)
        if not isinstance(payload, dict):
            self._add_invalid(event, role, is_complete=is_complete)
            return
        items = _images_in(payload)
        if role == "image" and not items and any(find_hidden_images(payload)):
            items = [payload]
        if role == "image" or (role == "other" and items and _is_unnamed_image(event, payload)):
            self.items += items
            if isinstance(payload.get("usage"), dict):
                self.usages.append(payload["usage"])
        elif role == "partial":
            self.partials += 1
        elif role == "other" and "partial_image_index" not in payload:
            images = items or list(find_hidden_images(payload))
            self.others.setdefault(str(payload.get("type") or event.name), []).extend(images)
        if role == "error" or (payload.get("error") and not items):
            self.errors.append(error_from_document(payload))

    def _add_invalid(self, event: SseEvent, role: Role, *, is_complete: bool) -> None:
        """Adds an event that is not a JSON object."""
        if role == "image":
            self.is_cut = not is_complete
            if is_complete:
                self.items.append(None)
        elif role == "error" and is_complete:
            self.errors.append(error_from_document({"error": event.data[:END_BYTES].decode("utf-8", "replace")}))

    def all_items(self) -> list[Any]:
        """The images; if no documented event has one, those of the type of event that has the most.

        Streams of other APIs repeat an image: the Responses API sends it in `response.output_item.done` and again in
        `response.completed`.
        """
        if any(item is not None for item in self.items):
            return self.items
        return max(self.others.values(), key=len, default=[]) or self.items

    def no_images_error(self) -> ImagecliError:
        """Why there is no image. An error after partial images may have been billed: so much was generated."""
        if self.errors and self.partials:
            error = self.errors[0]
            message = f"{error.message}; {self.partials} partial images arrived before the error"
            return UnsavedError(message, hint=_BILLED, code=error.code, status=error.status)
        if self.errors:
            return self.errors[0]
        message = "the stream had no image"
        if self.items:
            message = "the image event of the stream is not valid JSON"
        elif self.is_cut:
            message = "the stream broke off in the middle of the image"
        elif self.partials:
            message = f"the stream ended after {self.partials} partial images, without the final image"
        return UnsavedError(message, hint=_BILLED, code="no_picture")


def _is_unnamed_image(event: SseEvent, payload: dict[str, Any]) -> bool:
    """Whether *event* has neither name nor type, as small servers send images."""
    return event.name == "message" and "type" not in payload and "partial_image_index" not in payload


_BILLED = "it may have been billed; check the provider's usage page"


def _images_in(payload: dict[str, Any]) -> list[Any]:
    """The image items in an event: the event itself, or those of a complete response that a server put into it."""
    for name in ("data", "images"):
        if isinstance(payload.get(name), list) and payload[name]:
            return list(payload[name])
    is_image = any(isinstance(payload.get(name), str) and payload[name] for name in ("b64_json", "url"))
    return [payload] if is_image else []


def _merge_usages(usages: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The usage of the request, from that of several events: if all are equal one of them, else their sum.

    The reference leaves open whose usage the event of an image states. Everywhere else `usage` is that of the whole
    request. The input is read only once, so events of single images would not all count it, and would differ.
    """
    if not usages:
        return None
    first, *further = usages
    if all(usage == first for usage in further):
        return first
    return reduce(_add_numbers, further, first)


def _add_numbers(first: Any, second: Any, depth: int = 4) -> Any:
    """Adds numbers, and objects key by key; of any other values the last one counts."""
    if isinstance(first, dict) and isinstance(second, dict) and depth:
        return {key: _add_numbers(first.get(key), second.get(key), depth - 1) for key in {**first, **second}}
    if _is_number(first) and _is_number(second):
        with suppress(OverflowError):
            return first + second
    return first if second is None else second


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
