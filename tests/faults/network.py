"""N: the connection and its bytes."""

from __future__ import annotations

import gzip
from collections.abc import Callable

from tests.client.raw import http, images_body
from tests.conftest import Result
from tests.faults.case import Case, Child, Place
from tests.faults.responses import OK, PNG, at, chunked, cut, dripping, endless, raw, redirect, silent
from tests.faults.server import Call, Lab

BODY = images_body(PNG)
HALF_RESPONSE = http("200 OK", BODY[: len(BODY) // 2], length=len(BODY))
QUICK = ("--timeout", "1")
SEVERAL = ("--max-retries", "2")


def closed(lab: Lab) -> str:
    return f"http://{lab.closed}/v1"


def public(scheme: str) -> Callable[[Lab], str]:
    """An API on the public network, reached through a proxy."""
    return lambda lab: f"{scheme}://api.example.com/v1"


def to_elsewhere(lab: Lab) -> str:
    return lab.elsewhere.url + "/v1/images/generations"


def to_itself(lab: Lab) -> str:
    return lab.api.url + "/v1/images/generations"


def broken_gzip() -> bytes:
    packed = bytearray(gzip.compress(BODY))
    packed[20:40] = bytes(20)
    return http("200 OK", bytes(packed), "Content-Encoding: gzip")


def wrong_sum() -> bytes:
    """All of it can be decompressed, but the checksum is wrong."""
    packed = bytearray(gzip.compress(BODY))
    packed[-8] ^= 0xFF
    return http("200 OK", bytes(packed), "Content-Encoding: gzip")


def bomb(call: Call) -> None:
    """A gigabyte of spaces in a megabyte."""
    call.send(http("200 OK", gzip.compress(b" " * 2**20, 9) * 1024, "Content-Encoding: gzip"))


def cdn_by_proxy(place: Place, lab: Lab, result: Result) -> None:
    assert [call.split(b" ")[:2] for call in lab.elsewhere.calls] == [[b"GET", b"http://cdn.example.com/x.png"]]
    assert lab.results.connections == []


def cdn_was_requested_directly(lab: Lab) -> None:
    """Its name has no address; the proxy was not requested for it."""
    assert [call.split(b" ")[0] for call in lab.api.calls] == [b"POST"]


def no_request_went_out(place: Place, lab: Lab, result: Result) -> None:
    assert lab.api.calls == []


def proxy_got_its_password(place: Place, lab: Lab, result: Result) -> None:
    assert lab.api.calls
    for call in lab.api.calls:
        assert b"\r\nproxy-authorization: basic bwu6ahvudgvymg==\r\n" in call.lower()


PLAIN = {"IMAGECLI_INSECURE_HTTP": "true"}
"""The key may go over plain http to a public host, which the proxy stands for."""
WANTS_PASSWORD = http("407 Proxy Authentication Required", b"<html>hunter2?", 'Proxy-Authenticate: Basic realm="x"')
CASES = (
    Case(id="N1", case="closed port", base_url=closed, argv=("--max-retries", "1")),
    Case(id="N2", case="reset", posts=(cut(b"", by_reset=True), OK), argv=SEVERAL),
    Case(id="N3", case="end without a word", posts=(cut(b""), OK), argv=SEVERAL),
    Case(id="N4", case="reset in the body", posts=(cut(HALF_RESPONSE, by_reset=True), OK), argv=SEVERAL),
    Case(id="N5", case="reset once, then fine", posts=(cut(b"", by_reset=True), OK), argv=("--max-retries", "9")),
    Case(id="N6", case="slow body", posts=(dripping(OK, 0.02, 40),), argv=("--timeout", "30")),
    Case(id="N7", case="slow first byte", posts=(dripping(OK, 1.2, len(OK)),), argv=("--timeout", "30")),
    Case(id="N8", case="never an answer", posts=(silent(),), argv=QUICK),
    Case(id="N8", case="headers that drip for ever", posts=(endless(b"HTTP/1.1 200 OK\r\n", b"X-More: yes\r\n"),)),
    Case(
        id="N8",
        case="headers that drip slowly",
        posts=(dripping(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 50, 0.1),),
        argv=QUICK,
    ),
    Case(id="N9", case="half, then silence", posts=(silent(HALF_RESPONSE),), argv=QUICK),
    Case(id="N10", case="no such name", base_url=lambda lab: "https://nobody.invalid/v1", argv=("--max-retries", "0")),
    Case(id="N11", case="a label of 80", base_url=lambda lab: f"http://{'a' * 80}.example/v1"),
    Case(id="N12", case="self-signed", tls=True, after=no_request_went_out),
    Case(id="N13", case="https to a plain port", base_url=lambda lab: f"https://{lab.api.host}/v1"),
    Case(id="N13", case="http to a TLS port", tls=True, base_url=lambda lab: f"http://{lab.api.host}/v1"),
    Case(
        id="N14",
        case="no such file",
        base_url=lambda lab: "https://127.0.0.1:9/v1",
        env={"REQUESTS_CA_BUNDLE": "/nope.pem"},
    ),
    *(
        Case(
            id="N15",
            case=f"nobody listens, {scheme}",
            env={**PLAIN, "ALL_PROXY": "http://me:hunter2@{closed}"},
            base_url=public(scheme),
            argv=("--max-retries", "1"),
        )
        for scheme in ("http", "https")
    ),
    *(
        Case(
            id="N16",
            case=f"no or a wrong password, {scheme}",
            posts=(WANTS_PASSWORD,),
            env={**PLAIN, "ALL_PROXY": "http://me:hunter2@{api}"},
            base_url=public(scheme),
            argv=("--max-retries", "1", "-v"),
            after=proxy_got_its_password,
        )
        for scheme in ("http", "https")
    ),
    Case(
        id="N17",
        case="the results' host by proxy, the API not",
        posts=(at("http://cdn.example.com/x.png"),),
        env={"HTTP_PROXY": "http://{elsewhere}", "NO_PROXY": "127.0.0.1"},
        after=cdn_by_proxy,
    ),
    Case(
        id="N17",
        case="the API by proxy, the results' host not",
        posts=(at("http://cdn.invalid/x.png"),),
        env={**PLAIN, "HTTP_PROXY": "http://{api}", "NO_PROXY": "cdn.invalid"},
        base_url=public("http"),
        argv=QUICK,
        after=lambda place, lab, result: cdn_was_requested_directly(lab),
    ),
    Case(id="N18", case="307 to another origin", posts=(redirect(to_elsewhere),)),
    Case(id="N18", case="308 to another origin", posts=(redirect(to_elsewhere, "308 Permanent Redirect"),)),
    Case(id="N19", case="302 to another origin", posts=(redirect(to_elsewhere, "302 Found"),)),
    Case(id="N19", case="303 to another origin", posts=(redirect(to_elsewhere, "303 See Other"),)),
    Case(id="N20", case="to itself", posts=(redirect(to_itself),)),
    Case(id="N21", case="to a file", posts=(redirect(lambda lab: "file:///etc/passwd"),)),
    Case(id="N31", case="relative", posts=(redirect(lambda lab: "/v1/images/generations/"), OK)),
    Case(id="N31", case="absolute", posts=(redirect(lambda lab: to_itself(lab) + "/", "308 Permanent Redirect"), OK)),
    *(
        Case(id="N32", case=f"{variable} {proxy}", env={**PLAIN, variable: proxy}, base_url=public(scheme))
        for variable, proxy, scheme in (
            ("all_proxy", "socks://127.0.0.1:9/", "http"),
            ("ALL_PROXY", "SOCKS4://me:hunter2@127.0.0.1:9", "https"),
            ("HTTPS_PROXY", "socks5h://127.0.0.1:9", "https"),
            ("http_proxy", "socks5://127.0.0.1:9", "http"),
        )
    ),
    Case(id="N22", case="no last chunk", posts=(chunked(BODY, end=b""), OK)),
    Case(id="N22", case="cut inside a chunk", posts=(chunked(end=b"%x\r\n" % len(BODY) + BODY[:50]), OK)),
    Case(id="N23", case="sizes that are none", posts=(chunked(end=b"ZZZZ\r\n" + BODY), OK)),
    Case(id="N24", case="length too big", posts=(http("200 OK", BODY, length=len(BODY) + 99), OK)),
    Case(id="N25", case="length too small", posts=(http("200 OK", BODY, length=len(BODY) - 99), OK)),
    Case(
        id="N26",
        case="HTTP/1.0 without length",
        posts=(raw("HTTP/1.0 200 OK\nContent-Type: application/json\n", BODY),),
    ),
    Case(
        id="N26",
        case="100 and 103 before it",
        posts=(raw("HTTP/1.1 100 Continue\n") + raw("HTTP/1.1 103 Early Hints\nLink: </a>\n") + OK,),
    ),
    Case(id="N26", case="two 102 before it", posts=(raw("HTTP/1.1 102 Processing\n") * 2 + OK,)),
    Case(id="N26", case="trailers", posts=(chunked(BODY, end=b"0\r\nX-Sum: 1\r\n\r\n"),)),
    Case(id="N26", case="chunk extensions", posts=(chunked(end=b"%x;a=b\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)),)),
    Case(id="N27", case="deflate that is none", posts=(broken_gzip(), OK)),
    Case(id="N27", case="cut", posts=(http("200 OK", gzip.compress(BODY)[:-20], "Content-Encoding: gzip"), OK)),
    Case(id="N27", case="plain, and called gzip", posts=(http("200 OK", BODY, "Content-Encoding: gzip"), OK)),
    Case(id="N27", case="gzip, and not called so", posts=(http("200 OK", gzip.compress(BODY)), OK)),
    Case(
        id="N27", case="gzip, and called another", posts=(http("200 OK", gzip.compress(BODY), "Content-Encoding: br"),)
    ),
    Case(id="N27", case="a wrong checksum", posts=(wrong_sum(), OK)),
    # As processes, because the memory of a response of hundreds of megabytes would stay in the tests' process.
    Case(id="N28", case="a gigabyte in a megabyte", posts=(bomb, OK), child=Child(), slow=True, seconds=120),
    Case(
        id="N29",
        case="without end",
        posts=(endless(raw("HTTP/1.1 200 OK\n"), b" " * 2**20), OK),
        child=Child(),
        slow=True,
    ),
    Case(id="N30", case="a header of 200 kB", posts=(raw("HTTP/1.1 200 OK\nX: " + "y" * 200_000 + "\n", BODY), OK)),
    Case(id="N30", case="not HTTP", posts=(cut(b"SSH-2.0-OpenSSH_9.2\r\n"), OK)),
)
