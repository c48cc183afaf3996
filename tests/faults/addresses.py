"""U: images behind URLs."""

from __future__ import annotations

import base64
import gzip

from tests.client.raw import http
from tests.conftest import Result
from tests.faults.case import Case, Place
from tests.faults.responses import IMAGE, PNG, at, chunked, cut, endless, json_response, linked, raw, redirect, silent
from tests.faults.server import Act, Call, Lab

EXPIRED = b"<?xml version='1.0'?><Error><Code>AuthenticationFailed</Code><Detail>too late</Detail></Error>"
HALF = http("200 OK", PNG[:40], length=len(PNG))
FOREIGN = (
    "http://169.254.169.254/latest/meta-data/",
    "http://10.0.0.1/x.png",
    "http://192.168.1.1/x.png",
    "http://[fd00::1]/x.png",
    "http://[fe80::1]/x.png",
    "http://0xa9fea9fe/x.png",
    "http://[::ffff:169.254.169.254]/x.png",
    "http://100.64.0.1/x.png",
)
"""Private, link-local and metadata addresses; an API on loopback has no business there either."""
OURSELVES = (
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "0.0.0.0",
    "localhost",
    "localhost.",
    "[::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
)
"""This machine, which an API out in the world has no business with."""
PUBLIC = "http://api.example.com/v1"
"""Where the API seems to be for a command that asks it by a proxy."""
BY_PROXY = {"HTTP_PROXY": "http://{api}", "IMAGECLI_INSECURE_HTTP": "true"}
"""The proxy is the API at once, and would hear of every connection that is tried."""


def no_other_connection(place: Place, lab: Lab, result: Result) -> None:
    """The check refused: no connection except that of the paid request was opened."""
    assert "was not requested" in result.stderr
    assert [call.split(b" ")[0] for call in lab.api.calls] == [b"POST"]
    assert (len(lab.api.connections), lab.results.connections, lab.elsewhere.connections) == (1, [], [])


def only_the_first_hop_was_asked(place: Place, lab: Lab, result: Result) -> None:
    assert "was not requested" in result.stderr
    assert [len(origin.connections) for origin in (lab.api, lab.results, lab.elsewhere)] == [1, 1, 0]


def proxy_connected_once(place: Place, lab: Lab, result: Result) -> None:
    """The proxy requested the public name, which redirects to this machine; the target was not requested."""
    assert "was not requested" in result.stderr
    assert [call.split(b" ")[:2] for call in lab.api.calls] == [
        [b"POST", PUBLIC.encode() + b"/images/generations"],
        [b"GET", b"http://cdn.example.com/x.png"],
    ]
    assert (lab.results.connections, lab.elsewhere.connections) == ([], [])


def ourselves(host: str) -> Act:
    """An image at a port of this machine that listens, under one of its names."""

    def act(call: Call) -> None:
        call.send(at(f"http://{host}:{call.lab.results.host.split(':')[1]}/x.png"))

    return act


def to_ourselves(host: str) -> Act:
    return redirect(lambda lab: f"http://{host}:{lab.results.host.split(':')[1]}/x.png", "302 Found")


def netrc(place: Place) -> None:
    place.home.joinpath("netrc").write_text("default login somebody password hunter2\n")


def both(call: Call) -> None:
    url = call.lab.results.url
    call.send(json_response({"data": [{"url": f"{url}/1.png"}, {"url": f"{url}/2.png"}]}))


def with_secrets(call: Call) -> None:
    url = call.lab.results.url.replace("http://", "http://user:hunter2@")
    call.send(json_response({"data": [{"url": f"{url}/x.png?sig=hunter2"}]}))


def hopping(to: str) -> tuple[Act, ...]:
    return (redirect(lambda lab: to, "302 Found"),)


def to_other(lab: Lab) -> str:
    return lab.elsewhere.url + "/picture.png"


def to_same(lab: Lab) -> str:
    return lab.results.url + "/other.png"


LINK = (linked(),)
QUICK = ("--timeout", "1")

CASES = (
    Case(
        id="U1",
        case="expired",
        posts=LINK,
        gets=(http("403 Forbidden", EXPIRED, "x-ms-error-code: AuthenticationFailed"),),
    ),
    Case(id="U2", case="404", posts=LINK, gets=(http("404 Not Found"),)),
    Case(id="U2", case="410", posts=LINK, gets=(http("410 Gone"),)),
    Case(id="U3", case="a page", posts=LINK, gets=(http("200 OK", b"<html>", "Content-Type: text/html"),)),
    Case(id="U3", case="a page called png", posts=LINK, gets=(http("200 OK", b"<html>", "Content-Type: image/png"),)),
    Case(id="U4", case="500 once", posts=LINK, gets=(http("500 Oops"), IMAGE)),
    Case(id="U4", case="503 once", posts=LINK, gets=(http("503 Oops"), IMAGE)),
    Case(id="U4", case="429 once", posts=LINK, gets=(http("429 Oops"), IMAGE)),
    Case(id="U5", case="reset once", posts=LINK, gets=(cut(HALF, by_reset=True), IMAGE)),
    Case(id="U5", case="short once", posts=LINK, gets=(cut(HALF), IMAGE)),
    Case(id="U6", case="silence for ever", posts=LINK, gets=(silent(HALF),), argv=QUICK),
    Case(id="U7", case="a cut picture of the right length", posts=LINK, gets=(http("200 OK", PNG[:-20]),)),
    Case(id="U8", case="no bytes", posts=LINK, gets=(http("200 OK"),)),
    Case(id="U9", case="same host", posts=LINK, gets=(redirect(to_same, "302 Found"), IMAGE)),
    Case(id="U10", case="to itself", posts=LINK, gets=(redirect(to_same, "302 Found"),)),
    Case(id="U10", case="to a file", posts=LINK, gets=hopping("file:///etc/passwd")),
    Case(id="U11", case="without end", posts=LINK, gets=(endless(raw("HTTP/1.1 200 OK\n"), bytes(2**20)),), slow=True),
    Case(
        id="U11",
        case="a bomb",
        posts=LINK,
        gets=(http("200 OK", gzip.compress(bytes(2**20)) * 400, "Content-Encoding: gzip"),),
        slow=True,
    ),
    Case(id="U12", case="no type", posts=LINK, gets=(http("200 OK", PNG),)),
    Case(id="U12", case="octets", posts=LINK, gets=(http("200 OK", PNG, "Content-Type: application/octet-stream"),)),
    Case(id="U12", case="in chunks", posts=LINK, gets=(chunked(PNG),)),
    Case(
        id="U13",
        case="a name of its own",
        posts=(linked("/..%2f..%2fevil.png"),),
        gets=(http("200 OK", PNG, 'Content-Disposition: attachment; filename="../../evil.png"'),),
    ),
    Case(id="U14", case="a data URL", posts=(at("data:image/png;base64," + base64.b64encode(PNG).decode()),)),
    *(
        Case(id="U15", case=url or "empty", posts=(at(url),))
        for url in ("file:///etc/passwd", "gopher://x/", "ftp://127.0.0.1/x.png", "")
    ),
    Case(id="U15", case="relative", posts=(at("/pictures/x.png"),), gets=(http("200 OK", b"{}"),)),
    *(Case(id="U16", case=url, posts=(at(url),), argv=QUICK, after=no_other_connection) for url in FOREIGN),
    *(
        Case(
            id="U16",
            case=f"{host} of a public API",
            posts=(ourselves(host),),
            argv=QUICK,
            env=BY_PROXY,
            base_url=lambda lab: PUBLIC,
            after=no_other_connection,
        )
        for host in OURSELVES
    ),
    *(
        Case(id="U17", case=url, posts=LINK, gets=hopping(url), argv=QUICK, after=only_the_first_hop_was_asked)
        for url in FOREIGN[:4]
    ),
    Case(
        id="U17",
        case="another port of this machine",
        posts=LINK,
        gets=(redirect(to_other, "302 Found"),),
        argv=QUICK,
        after=only_the_first_hop_was_asked,
    ),
    *(
        Case(
            id="U17",
            case=f"{host} of a public API",
            posts=(at("http://cdn.example.com/x.png"), to_ourselves(host)),
            argv=QUICK,
            env=BY_PROXY,
            base_url=lambda lab: PUBLIC,
            after=proxy_connected_once,
        )
        for host in ("127.1", "localhost.", "[::ffff:127.0.0.1]", "169.254.169.254")
    ),
    Case(id="U18", case="a name and a password", posts=(with_secrets,)),
    Case(id="U18", case="a line break", posts=(linked("/x.png\r\nX-Evil: 1"),)),
    Case(id="U19", case="by its place", posts=LINK, before=netrc, env={"NETRC": "{home}/netrc"}),
    Case(
        id="U19",
        case="at home",
        posts=LINK,
        gets=(redirect(to_same, "302 Found"), IMAGE),
        before=lambda place: place.home.joinpath(".netrc").write_text("default login me password hunter2\n"),
    ),
    Case(id="U20", case="signed, and verbose", posts=(linked("/x.png?se=2026&sig=hunter2"),), argv=("-v",)),
    Case(
        id="U20", case="signed, refused", posts=(linked("/x.png?se=2026&sig=hunter2"),), gets=(http("404 Not Found"),)
    ),
    Case(id="U21", case="one of two", posts=(both,), gets=(IMAGE, http("404 Not Found")), argv=("-n", "2")),
)
