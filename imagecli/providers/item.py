"""One item of an answer → the picture it holds, wherever it hides. Every shape in use, and no shape is trusted."""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from imagecli.exchange import Found
from imagecli.providers.hidden import FURTHER, pictures_in
from imagecli.providers.reported import error_told
from imagecli.providers.said import sound


def all_found_in(item: Any, base_url: str) -> tuple[Found, ...]:
    """As `found_in`; where nothing stands in its place, every picture that *item* holds under other names.

    And what it says twice: an object that names its picture again has two.
    """
    found = found_in(item, base_url)
    if not isinstance(item, (dict, list)):
        return (found,)
    nothing = not (found.b64_json or found.url or found.error)
    hidden = pictures_in(item if nothing else {FURTHER: _repeated(item)})
    others = tuple(found_in(other, base_url) for other in hidden)
    return others or (found,) if nothing else (found, *others)


def _repeated(item: Any) -> list[Any]:
    """What is said before something else under the same name; an address there is a picture's."""
    repeated: list[Any] = item.get(FURTHER, []) if isinstance(item, dict) else []
    return [{"image": value} for one in repeated for name, value in one.items() if name in ("b64_json", "url")]


def found_in(item: Any, base_url: str) -> Found:
    """The picture of *item*: base64, plain or in a `data:` address; or an address, also one relative to *base_url*.

    Both where it has both: servers fill `b64_json` with a stand-in beside a good address. Neither where there is none,
    with the error that the item tells instead.
    """
    if isinstance(item, str):
        item = {"url": item} if _is_address(item) else {"b64_json": item}
    if not isinstance(item, dict):
        return Found()
    b64_json, url = _text(item.get("b64_json")), _text(item.get("url"))
    if url and url.startswith("data:"):
        b64_json, url = b64_json or url, None
    if b64_json and b64_json.startswith("data:"):
        b64_json = b64_json.partition(",")[2]
    if not b64_json and not url and item.get("error"):
        return Found(error=error_told({"error": item["error"]}))
    return Found(
        b64_json=b64_json or None,
        url=_absolute(base_url, url) if url else None,
        hint=_hint(url) if url else None,
        revised_prompt=sound(_text(item.get("revised_prompt")) or "") or None,
    )


def _is_address(text: str) -> bool:
    """Whether a bare string is an address. `/9j/` is how every JPEG begins in base64."""
    return text.startswith(("http://", "https://", "data:", "/")) and not text.startswith("/9j/")


def _absolute(base_url: str, url: str) -> str:
    """*url* as an address of its own, without a name and password of the base URL's: those are the API's.

    One that is none stays as it is, and is refused where it is fetched.
    """
    try:
        base = urlsplit(base_url)
        return urljoin(urlunsplit(base._replace(netloc=base.netloc.rpartition("@")[2])), url)
    except ValueError:
        return url


def _hint(url: str) -> str | None:
    """A path can be one below the server's address (SGLang) or one on its disk (Xinference): only asking it tells."""
    try:
        if urlsplit(url).scheme in ("http", "https") or url.startswith("//"):
            return None
    except ValueError:
        return None
    return f"the server named its own place {sound(url)[:200]}; --response-format b64_json asks for the picture itself"


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
