"""Result URLs are checked by the address that is connected to, on every hop."""

from __future__ import annotations

import io
import ipaddress
import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from imagecli.client.address_policy import AddressPolicy, endpoint_of, parse_address
from imagecli.client.download import ResultDownloader
from imagecli.client.exchange import Timeouts, get, send_once
from imagecli.client.exchange_limits import ExchangeHooks, Resolver
from imagecli.client.session import Authorization, open_session
from imagecli.client.spool import open_spool_entry
from imagecli.errors import UnsavedError
from imagecli.http_request import HttpRequest
from tests.client.raw import http, raw_server
from tests.client.sending import Download, transport
from tests.client.test_tls import OWN, tls_server

OK = http("200 OK", b"picture")
QUICK = Timeouts(connect=1, silence=0.5, total=2)


def names(**hosts: str | Sequence[str]) -> Resolver:
    """A resolver that knows these names (`_` is a dot) and all addresses, and counts its lookups."""

    def resolve(host: str, port: int) -> Sequence[str]:
        known = hosts.get(host.rstrip(".").replace(".", "_"))
        if known is None:
            return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)]
        return [known] if isinstance(known, str) else known

    return resolve


def fetch(
    url: str,
    base_url: str = "https://api.example.com/v1",
    resolve: Resolver | None = None,
    *,
    peer: str | None = None,
) -> bytes:
    results = ResultDownloader(
        timeouts=QUICK, direct=True, max_wait=0.02, resolve=resolve or names(api_example_com="8.8.8.8")
    )
    into = Download()
    next(results.fetch(url, into, base_url=base_url, peer=peer))
    return into.getvalue()


@dataclass
class Listening:
    """A port that counts connections."""

    port: int
    connections: list[object] = field(default_factory=list)


@contextmanager
def listening(family: socket.AddressFamily = socket.AF_INET) -> Iterator[Listening]:
    """Listens on every address of this machine of that family and responds with an image."""
    host = "::" if family == socket.AF_INET6 else "0.0.0.0"
    with socket.create_server((host, 0), family=family) as listener:
        counter = Listening(port=listener.getsockname()[1])

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, address = listener.accept()
                    counter.connections.append(address)
                    with connection, suppress(OSError):
                        connection.recv(10_000)
                        connection.sendall(OK)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield counter
        listener.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1.",
        "127.1",
        "2130706433",
        "0x7f.1",
        "0x7f000001",
        "0177.1",
        "0",
        "0.0.0.0",
        "127.9.9.9",
        "localhost",
        "LocalHost",
        "localhost.",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "inside.example.com",
        "inside.example.com.",
    ],
)
def test_no_spelling_of_this_machine_is_connected_to(host: str) -> None:
    resolve = names(api_example_com="8.8.8.8", inside_example_com="127.0.0.1")
    with listening() as listener:
        with pytest.raises(UnsavedError) as caught:
            fetch(f"http://{host}:{listener.port}/a.png?sig=hush", resolve=resolve)
        assert listener.connections == []
    assert (caught.value.exit_code, caught.value.code) == (7, "result_refused")
    assert "http://" in caught.value.message
    assert "hush" not in caught.value.message


@pytest.mark.parametrize("host", ["①②⑦.⓪.⓪.①", "127。0。0。1", "127%2e1", "%31%32%37.1", "127.0.0.1%00.example.com"])
def test_an_invalid_host_name_is_not_connected_to(host: str) -> None:
    with listening() as listener:
        with pytest.raises(UnsavedError):
            fetch(f"http://{host}:{listener.port}/a.png")
        assert listener.connections == []


@pytest.mark.parametrize("host", ["[::1]", "[::]", "[0:0:0:0:0:0:0:1]"])
def test_no_spelling_of_this_machine_by_its_newer_name_is_connected_to(host: str) -> None:
    if not socket.has_ipv6:
        pytest.skip("this machine has no IPv6")
    try:
        with listening(socket.AF_INET6) as listener:
            with pytest.raises(UnsavedError) as caught:
                fetch(f"http://{host}:{listener.port}/a.png")
            assert listener.connections == []
    except OSError as error:
        pytest.skip(f"no IPv6 here: {error}")
    assert caught.value.code == "result_refused"


@pytest.mark.parametrize(
    "host",
    [
        "10.0.0.1",
        "10.1",
        "172.16.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "169.254.169.254",
        "[::ffff:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fd00::1]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[ff02::1]",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "metadata.example.com",
        "newer.example.com",
    ],
)
def test_no_other_address_outside_the_public_network_is_requested(host: str) -> None:
    resolve = names(
        api_example_com="8.8.8.8", metadata_example_com="169.254.169.254", newer_example_com=["fd00::1", "fe80::1"]
    )
    with pytest.raises(UnsavedError) as caught:
        fetch(f"http://{host}/latest/meta-data", resolve=resolve)
    assert caught.value.code == "result_refused"


@pytest.mark.parametrize(
    "location",
    [
        "http://10.0.0.1/b",
        "//169.254.169.254/latest/meta-data",
        "http://other.example.com/b",
        "http://name:hush@127.0.0.1:{port}/b",
        "file:///etc/passwd",
    ],
)
def test_every_hop_is_checked(location: str) -> None:
    """The first hop is this machine, as the base URL is; the next one is an address of another kind, or none."""
    with listening() as listener:
        redirect = http("302 Go", b"", f"Location: {location.format(port=listener.port)}")
        with raw_server(redirect) as first, pytest.raises(UnsavedError) as caught:
            fetch(f"http://127.0.0.1:{first.port}/a", first.base_url, names(other_example_com="192.168.1.5"))
        assert (len(first.requests), listener.connections) == (1, [])
    assert caught.value.code == "result_refused"
    assert "hush" not in caught.value.message


def test_a_name_is_resolved_once_and_the_checked_address_is_connected_to() -> None:
    """A name that changes its mind between two questions gets only one."""
    responses = iter([["8.8.8.8"], ["127.0.0.1"], ["127.0.0.1"]])
    lookups: list[str] = []

    def resolve(host: str, port: int) -> Sequence[str]:
        lookups.append(host)
        return next(responses)

    with listening() as listener:
        with pytest.raises(UnsavedError):
            fetch(f"http://fickle.example.com:{listener.port}/a.png", "", resolve)
        assert listener.connections == []
    # Each attempt makes one lookup: the first address was public and unreachable, the second was this machine.
    assert lookups[:2] == ["fickle.example.com"] * 2


@pytest.mark.parametrize(
    ("base_url", "peer"),
    [
        ("http://127.0.0.1:{port}/v1", None),
        ("http://localhost:{port}/v1", None),
        ("http://127.1:{port}/v1", None),
        ("http://[::1]:{port}/v1", None),
        ("http://0.0.0.0:{port}/v1", None),
        ("http://box.example.com:{port}/v1", "127.0.0.1"),
        ("http://box.example.com:{port}/v1", "::1"),
        ("http://box.example.com:{port}/v1", "::ffff:127.0.0.1"),
    ],
)
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "box.example.com"])
def test_a_server_on_this_machine_may_link_to_itself(base_url: str, peer: str | None, host: str) -> None:
    with raw_server(OK) as server:
        url = f"http://{host}:{server.port}/a.png"
        resolve = names(box_example_com="127.0.0.1")
        assert fetch(url, base_url.format(port=server.port), resolve, peer=peer) == b"picture"


def test_a_later_lookup_of_the_base_url_does_not_count() -> None:
    with listening() as listener:
        url = f"http://127.0.0.1:{listener.port}/a.png"
        with pytest.raises(UnsavedError) as caught:
            fetch(
                url,
                f"http://box.example.com:{listener.port}/v1",
                names(box_example_com="127.0.0.1"),
                peer="10.0.0.1",
            )
        assert caught.value.code == "result_refused"
        assert listener.connections == []


@pytest.mark.parametrize("address", ["169.254.169.254", "127.0.0.1", "10.0.0.1", "224.0.0.1"])
def test_a_server_at_a_metadata_address_allows_nothing(address: str) -> None:
    policy = AddressPolicy.for_response("http://169.254.169.254/v1", "169.254.169.254")
    assert not policy.allows(endpoint_of(parse_address(address), 80))
    assert policy.allows(endpoint_of(parse_address("8.8.8.8"), 80))


def test_a_base_url_that_can_not_be_resolved_allows_nothing() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        if host == "api.example.com":
            raise OSError("no such name")
        return [host]

    with listening() as listener:
        with pytest.raises(UnsavedError) as caught:
            fetch(f"http://127.0.0.1:{listener.port}/a.png", "http://api.example.com/v1", resolve)
        assert listener.connections == []
    assert caught.value.code == "result_refused"


@pytest.mark.parametrize(
    ("base_url", "peer"),
    [
        ("https://api.example.com:{port}/v1", "8.8.8.8"),
        ("http://10.0.0.5:{port}/v1", None),
        ("http://api.example.com:{port}/v1", "192.168.1.5"),
        ("http://api.example.com:{port}/v1", None),
        ("http://api.example.com:{port}/v1", "no address"),
        ("http://169.254.169.254:{port}/v1", None),
        ("http://api.example.com:{port}/v1", "169.254.169.254"),
        ("http://127.0.0.1:1/v1", None),
        ("http://127.0.0.1/v1", None),
        ("http://api.example.com:1/v1", "127.0.0.1"),
        ("http://127.0.0.2:{port}/v1", None),
        ("http://localhost:{port}/v1", "8.8.8.8"),
        ("", None),
        ("http://[bad/v1", None),
    ],
)
def test_any_other_server_may_not_link_there(base_url: str, peer: str | None) -> None:
    """A second DNS lookup of the base URL is not made: here it would return this machine."""
    with listening() as listener:
        with pytest.raises(UnsavedError) as caught:
            resolve = names(api_example_com="127.0.0.1")
            fetch(f"http://127.0.0.1:{listener.port}/a.png", base_url.format(port=listener.port), resolve, peer=peer)
        assert listener.connections == []
    assert caught.value.code == "result_refused"


@pytest.mark.parametrize(
    ("peer", "address", "allowed"),
    [
        ("192.168.1.5", "10.0.0.1", True),
        ("192.168.1.5", "fd00::1", True),
        ("192.168.1.5", "100.64.0.1", False),
        ("192.168.1.5", "fd00:ec2::254", False),
        ("192.168.1.5", "127.0.0.1", False),
        ("100.70.1.2", "100.64.0.1", True),
        ("127.0.0.1", "127.0.0.2", False),
        ("8.8.8.8", "1.1.1.1", True),
        (None, "192.168.1.5", False),
    ],
)
def test_a_server_in_a_private_network_may_link_to_private_networks(
    peer: str | None, address: str, allowed: bool
) -> None:
    policy = AddressPolicy.for_response("http://box.example.com:8080/v1", peer)
    assert policy.allows(endpoint_of(ipaddress.ip_address(address), 8080)) == allowed


def test_the_address_that_a_request_is_sent_to_is_recorded(tmp_path: Path) -> None:
    with raw_server(http("200 OK", b"{}")) as server:
        request = HttpRequest(method="POST", url=f"http://localhost:{server.port}/v1", json={})
        for number in range(2):
            with open_spool_entry(f"{number}", "{}", [tmp_path]) as entry:
                transport().send(request, entry, 0, lambda event: None, entry=entry)
                assert (tmp_path / f"{number}.sent").read_text() == "127.0.0.1"


class Peers(ExchangeHooks):
    """Collects the addresses that requests are sent to."""

    def __init__(self, peers: list[str | None]) -> None:
        self._peers = peers

    def before_send(self, peer: str | None) -> None:
        self._peers.append(peer)


def test_behind_a_proxy_no_address_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    peers: list[str | None] = []
    with raw_server(http("200 OK", b"{}")) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        send_once(
            open_session(direct=False),
            HttpRequest(method="POST", url="http://api.example.com/v1", json={}),
            auth=Authorization(None),
            headers={},
            timeouts=QUICK,
            into=io.BytesIO(),
            hooks=Peers(peers),
        )
    assert peers == [None]


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hush@127.0.0.1:{port}/a.png",
        "http://hush@127.0.0.1:{port}/a.png",
        "http://127.0.0.1:{port}\\@example.com/hush",
        "http://127.0.0.1:{port}/a\\hush",
        "http://127.0.0.1:{port}/a\x7fhush",
        "http://127.0.0.1:{port}/a\r\nX-Injected: hush",
        "http://127.0.0.1:{port}/a\nhush",
        "http://127.0.0.1:{port}/a\thush",
        "\x00http://127.0.0.1:{port}/hush",
        "http://127.0.0.1:{port}\r\n/hush",
    ],
)
def test_a_host_with_more_than_an_address_is_refused(url: str) -> None:
    with listening() as listener:
        with pytest.raises(UnsavedError) as caught:
            fetch(url.format(port=listener.port), "http://127.0.0.1:1/v1", names())
        assert listener.connections == []
    assert caught.value.code == "result_refused"
    assert "hush" not in f"{caught.value.message}{caught.value.hint}"


def test_a_resolver_that_never_returns_is_not_waited_for() -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        threading.Event().wait(5)
        return ["8.8.8.8"]

    started = time.monotonic()
    with pytest.raises(UnsavedError) as caught:
        timeouts = Timeouts(connect=0.1, silence=1, total=1)
        results = ResultDownloader(timeouts=timeouts, direct=True, max_wait=0.02, resolve=resolve)
        next(results.fetch("http://slow.example.com/a", Download()))
    assert caught.value.code == "result_url"
    assert time.monotonic() - started < 3


def test_an_address_that_does_not_answer_leaves_time_for_the_next() -> None:
    with raw_server(OK) as server, socket.socket() as full:
        try:
            full.bind(("127.0.0.2", server.port))
        except OSError:
            pytest.skip("this machine has one loopback address")
        # A listener whose queue is full takes no further connection and refuses none.
        full.listen(0)
        queued = [socket.socket() for _ in range(3)]
        for one in queued:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        started = time.monotonic()
        into = io.BytesIO()
        get(
            open_session(direct=True),
            f"http://box.example.com:{server.port}/a",
            timeouts=QUICK,
            into=into,
            resolve=names(box_example_com=["127.0.0.2", "127.0.0.1"]),
        )
        assert into.getvalue() == b"picture"
        assert time.monotonic() - started < 5
        for one in queued:
            one.close()


def test_the_name_stays_in_host_and_certificate(monkeypatch: pytest.MonkeyPatch) -> None:
    """imagecli connects to the address; Host and certificate use the name."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(OWN))
    with tls_server(lambda line: line.sendall(OK)) as (base_url, requests):
        results = ResultDownloader(
            timeouts=QUICK, direct=False, max_wait=0.02, resolve=names(images_example_com="127.0.0.1")
        )
        port = base_url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(UnsavedError) as caught:
            next(results.fetch(f"https://images.example.com:{port}/a", Download(), base_url=base_url))
        assert requests == []
    assert "images.example.com" in caught.value.message
    with raw_server(OK) as server:
        fetch(f"http://images.example.com:{server.port}/a", server.base_url, names(images_example_com="127.0.0.1"))
        assert f"host: images.example.com:{server.port}".encode() in server.requests[0].lower()


@pytest.mark.parametrize(
    "host", ["127.0.0.1:9", "127.1", "0x7f.1", "localhost", "169.254.169.254", "[::1]", "10.0.0.1"]
)
def test_behind_a_proxy_the_url_itself_is_checked(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with raw_server(OK) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        for name in ("NO_PROXY", "no_proxy", "http_proxy"):
            monkeypatch.delenv(name, raising=False)
        fetch_by = ResultDownloader(timeouts=QUICK, direct=False, max_wait=0.02).fetch
        into = Download()
        with pytest.raises(UnsavedError) as caught:
            next(fetch_by(f"http://{host}/a", into, base_url="http://api.example.com/v1"))
        assert proxy.requests == []
        with pytest.raises(UnsavedError):
            # A lookup here says nothing about the server that the proxy connects to.
            resolve = names(api_example_com="127.0.0.1")
            results = ResultDownloader(timeouts=QUICK, direct=False, max_wait=0.02, resolve=resolve)
            next(results.fetch("http://127.0.0.1/a", into, base_url="http://api.example.com/v1"))
        assert proxy.requests == []
        next(fetch_by("http://cdn.example.com/a", into, base_url="http://api.example.com/v1"))
        assert into.getvalue() == b"picture"
        assert len(proxy.requests) == 1
    assert caught.value.code == "result_refused"
