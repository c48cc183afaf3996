"""C: keys, settings files, base URLs, and what each source may set."""

from __future__ import annotations

import stat

from tests.conftest import Result
from tests.faults.addresses import BY_PROXY, PUBLIC
from tests.faults.case import After, Before, Case, Place
from tests.faults.running import KEY
from tests.faults.server import Lab

LOGIN = ("config", "login")


def public(lab: Lab) -> str:
    """Not this machine, whose servers need no key."""
    return PUBLIC


def with_key(case: str, key: str, *, id: str = "C2", **more: object) -> Case:
    return Case(id=id, case=case, env={**BY_PROXY, "OPENAI_API_KEY": key}, base_url=public, **more)  # type: ignore[arg-type]


def user_file(text: str, mode: int = 0o600, name: str = "config.toml") -> Before:
    def before(place: Place) -> None:
        path = place.config / name
        path.write_text(text)
        path.chmod(mode)

    return before


def project_file(text: str, name: str = "imagecli.toml") -> Before:
    return lambda place: place.write_file(name, text)


def keys_for_all(place: Place) -> None:
    user_file(f'openai = "{KEY}"\n', 0o644, "credentials.toml")(place)


def private(place: Place, lab: Lab, result: Result) -> None:
    """The key's file is its user's alone from the beginning."""
    credentials = place.config / "credentials.toml"
    assert KEY in credentials.read_text()
    assert stat.S_IMODE(credentials.stat().st_mode) == 0o600


def request_received_at(target: str) -> After:
    def check(place: Place, lab: Lab, result: Result) -> None:
        assert [call.split(b" ")[1].decode() for call in lab.api.calls] == [target]

    return check


def url(case: str, text: str, **more: object) -> Case:
    """A base URL with the API's host and port in it."""
    return Case(id="C8", case=case, base_url=lambda lab: text.format(api=lab.api.host), **more)  # type: ignore[arg-type]


AT = "/v1/images/generations"
CASES = (
    with_key("none", "", id="C1"),
    with_key("blanks", "  \t ", id="C1"),
    with_key("a line's end behind it", KEY + "\r\n"),
    with_key("blanks around it", f"  {KEY}\t"),
    with_key("a line's end in it", f"{KEY[:9]}\n{KEY[9:]}"),
    with_key("a header behind it", f"{KEY}\r\nX-Evil: 1"),
    with_key("typographic quotes", f"“{KEY}”"),
    with_key("typographic quotes, to nobody", f"“{KEY}”", argv=("--json",)),
    Case(id="C3", case="no value", before=user_file('size = "auto"\nmodel = \n')),
    Case(id="C3", case="a key in the wrong file", before=user_file(f'api_key = "{KEY}\n')),
    Case(id="C3", case="not UTF-8", before=lambda place: (place.config / "config.toml").write_bytes(b'model = "\xff"')),
    Case(id="C4", case="an unknown word", before=user_file('modle = "x"')),
    Case(id="C4", case="a wrong type", before=user_file("model = 5")),
    Case(
        id="C5",
        case="keys that all can read",
        env={**BY_PROXY, "OPENAI_API_KEY": ""},
        base_url=public,
        before=keys_for_all,
    ),
    Case(id="C5", case="a folder that all can write to", before=lambda place: place.config.chmod(0o777)),
    Case(id="C5", case="a new file", command=LOGIN, argv=("-",), stdin=KEY.encode(), base_url=None, after=private),
    *(Case(id="C6", case=" ".join(argv), argv=argv) for argv in (("-v",), ("--debug",), ("--json", "--debug"))),
    Case(id="C6", case="in argv", argv=("--api-key", "hunter2")),
    Case(id="C7", case="a base URL", base_url=lambda lab: f"http://me:hunter2@{lab.closed}/v1", argv=("--debug",)),
    Case(
        id="C7",
        case="a proxy",
        env={**BY_PROXY, "HTTP_PROXY": "http://me:hunter2@{closed}"},
        base_url=public,
        argv=("--debug", "--max-retries", "0"),
    ),
    url("no scheme", "{api}/v1"),
    url("ftp", "ftp://{api}/v1"),
    url("a port that is none", "http://127.0.0.1:99999/v1"),
    url("nothing", ""),
    url("a slash too many", "http://{api}/v1//", after=request_received_at(AT)),
    url("with its endpoint", "http://{api}/v1/images/generations", after=request_received_at(AT)),
    Case(id="C9", case="in clear", env={"HTTP_PROXY": "http://{api}"}, base_url=public),
    Case(
        id="C9",
        case="in clear, as asked",
        env={"HTTP_PROXY": "http://{api}"},
        base_url=public,
        argv=("--insecure-http",),
    ),
    *(
        Case(id="C10", case=case, base_url=None, before=project_file(text), env=BY_PROXY)
        for case, text in {
            "a base URL": f'base_url = "{PUBLIC}"',
            "a provider's base URL": f'[providers.openai]\nbase_url = "{PUBLIC}"',
            "a key command": '[providers.openai]\napi_key_command = ["touch", "hacked.png"]',
        }.items()
    ),
    Case(
        id="C11",
        case="with a key",
        env={**BY_PROXY, "OPENAI_API_KEY": ""},
        base_url=public,
        before=project_file(f"OPENAI_API_KEY={KEY}\n", ".env"),
    ),
)
