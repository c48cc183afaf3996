"""U: pictures that lie behind an address."""

from __future__ import annotations

import base64
import gzip

from tests.api.raw import http
from tests.faults.case import (
    PICTURE,
    PNG,
    Case,
    answer,
    at,
    chunked,
    cut,
    endless,
    linked,
    raw,
    redirect,
    silent,
)
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


def both(call: Call) -> None:
    url = call.lab.results.url
    call.send(answer({"data": [{"url": f"{url}/1.png"}, {"url": f"{url}/2.png"}]}))


def with_secrets(call: Call) -> None:
    url = call.lab.results.url.replace("http://", "http://user:hunter2@")
    call.send(answer({"data": [{"url": f"{url}/x.png?sig=hunter2"}]}))


def hopping(to: str) -> tuple[Act, ...]:
    return (redirect(lambda lab: to, "302 Found"),)


def to_other(lab: Lab) -> str:
    return lab.elsewhere.url + "/picture.png"


def to_same(lab: Lab) -> str:
    return lab.results.url + "/other.png"


LINK = (linked(),)
QUICK = ("--timeout", "2")

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
    Case(id="U4", case="500 once", posts=LINK, gets=(http("500 Oops"), PICTURE)),
    Case(id="U4", case="503 once", posts=LINK, gets=(http("503 Oops"), PICTURE)),
    Case(id="U4", case="429 once", posts=LINK, gets=(http("429 Oops"), PICTURE)),
    Case(id="U5", case="reset once", posts=LINK, gets=(cut(HALF, by_reset=True), PICTURE)),
    Case(id="U5", case="short once", posts=LINK, gets=(cut(HALF), PICTURE)),
    Case(id="U6", case="silence for ever", posts=LINK, gets=(silent(HALF),), argv=QUICK),
    Case(id="U7", case="a cut picture of the right length", posts=LINK, gets=(http("200 OK", PNG[:-20]),)),
    Case(id="U8", case="no bytes", posts=LINK, gets=(http("200 OK"),)),
    Case(id="U9", case="same host", posts=LINK, gets=(redirect(to_same, "302 Found"), PICTURE)),
    Case(id="U9", case="another host", posts=LINK, gets=(redirect(to_other, "302 Found"),)),
    Case(id="U10", case="to itself", posts=LINK, gets=(redirect(to_same, "302 Found"),)),
    Case(id="U10", case="to a file", posts=LINK, gets=hopping("file:///etc/passwd")),
    Case(id="U11", case="without end", posts=LINK, gets=(endless(raw("HTTP/1.1 200 OK\n"), bytes(2**20)),)),
    Case(
        id="U11",
        case="a bomb",
        posts=LINK,
        gets=(http("200 OK", gzip.compress(bytes(2**20)) * 400, "Content-Encoding: gzip"),),
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
    Case(id="U15", case="relative", posts=(at("/pictures/x.png"),)),
    *(Case(id="U16", case=url, posts=(at(url),), argv=QUICK) for url in FOREIGN),
    *(Case(id="U17", case=url, posts=LINK, gets=hopping(url), argv=QUICK) for url in FOREIGN[:4]),
    Case(id="U18", case="a name and a password", posts=(with_secrets,)),
    Case(id="U18", case="a line break", posts=(linked("/x.png\r\nX-Evil: 1"),)),
    Case(id="U20", case="signed, and verbose", posts=(linked("/x.png?se=2026&sig=hunter2"),), argv=("-v",)),
    Case(
        id="U20", case="signed, refused", posts=(linked("/x.png?se=2026&sig=hunter2"),), gets=(http("404 Not Found"),)
    ),
    Case(id="U21", case="one of two", posts=(both,), gets=(PICTURE, http("404 Not Found")), argv=("-n", "2")),
)
