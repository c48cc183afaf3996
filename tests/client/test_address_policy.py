"""Every spelling of every address outside the public network, and the rule for servers that have one themselves."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagecli.client.address_policy import (
    AddressKind,
    Endpoint,
    classify_address,
    endpoint_of,
    literal_endpoint,
    parse_literal_host,
    port_of,
)
from imagecli.client.http_connection import resolve_host


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.255.255.254", "loopback"),
        ("0.0.0.0", "loopback"),
        ("0.1.2.3", "never"),
        ("10.1.2.3", "private"),
        ("172.16.0.1", "private"),
        ("172.31.255.255", "private"),
        ("172.32.0.1", "public"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "shared"),
        ("100.127.255.255", "shared"),
        ("100.128.0.1", "public"),
        ("169.254.1.1", "link-local"),
        ("169.254.169.254", "never"),
        ("169.254.170.2", "never"),
        ("100.100.100.200", "never"),
        ("168.63.129.16", "never"),
        ("192.0.0.192", "never"),
        ("198.18.0.1", "benchmark"),
        ("224.0.0.1", "never"),
        ("239.255.255.250", "never"),
        ("255.255.255.255", "never"),
        ("8.8.8.8", "public"),
        ("20.60.1.1", "public"),
        ("::", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("::ffff:10.0.0.1", "private"),
        ("::ffff:8.8.8.8", "public"),
        ("::ffff:0:127.0.0.1", "loopback"),
        ("::127.0.0.1", "never"),
        ("64:ff9b::7f00:1", "loopback"),
        ("64:ff9b::a9fe:a9fe", "never"),
        ("64:ff9b::808:808", "public"),
        ("64:ff9b:1::7f00:1", "never"),
        ("2002:7f00:1::", "loopback"),
        ("2002:808:808::", "public"),
        ("2001:0:7f00:1::", "never"),
        ("fc00::1", "private"),
        ("fd12:3456::1", "private"),
        ("fd00:ec2::254", "never"),
        ("fe80::1", "link-local"),
        ("fe80::1%eth0", "link-local"),
        ("fec0::1", "never"),
        ("ff02::1", "never"),
        ("100::1", "never"),
        ("2001:db8::1", "never"),
        ("2606:4700::1111", "public"),
    ],
)
def test_an_address_is_classified(address: str, kind: AddressKind) -> None:
    assert classify_address(ipaddress.ip_address(address)) == kind


ADDRESSES = st.ip_addresses() | st.sampled_from([str(k) for k in range(256)]).map(
    lambda first: ipaddress.ip_address(f"{first}.9.9.9")
)


@given(ADDRESSES)
def test_no_address_that_python_calls_special_is_public(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    special = address.is_private or address.is_loopback or address.is_link_local or address.is_multicast
    if special or address.is_reserved or address.is_unspecified:
        # Python calls all of 64:ff9b::/96 and ::ffff:0:0/96 reserved, where we look at the address inside.
        inside = address in ipaddress.ip_network("64:ff9b::/96") or address in ipaddress.ip_network("::ffff:0:0/96")
        assert classify_address(address) != "public" or inside


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.1", "127.0.0.1"),
        ("127.0.1", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("0x7f.1", "127.0.0.1"),
        ("0x7f000001", "127.0.0.1"),
        ("0177.1", "127.0.0.1"),
        ("017700000001", "127.0.0.1"),
        ("127.0.0.1.", "127.0.0.1"),
        ("[::1]", "::1"),
        ("::ffff:127.0.0.1", "::ffff:127.0.0.1"),
        ("10.1", "10.0.0.1"),
        ("0", "0.0.0.0"),
    ],
)
def test_an_address_is_read_in_every_spelling(host: str, address: str) -> None:
    assert parse_literal_host(host) == ipaddress.ip_address(address)


@pytest.mark.parametrize("host", ["example.com", "cafe", "1.2.3.4.5", "256.256.256.256.example", "", "127.0.0.1 x"])
def test_a_name_is_not_an_address(host: str) -> None:
    assert parse_literal_host(host) is None
    assert literal_endpoint(host, 80) is None


def test_localhost_with_a_trailing_dot_is_recognized() -> None:
    assert set(resolve_host("localhost.", 80)) == set(resolve_host("localhost", 80))


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "localhost.", "a.localhost", "a.localhost."])
def test_localhost_is_this_machine_without_a_lookup(host: str) -> None:
    assert literal_endpoint(host, 8080) == Endpoint("loopback", "localhost", 8080)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1", "64:ff9b::7f00:1"])
def test_every_address_of_localhost_is_the_same_host(address: str) -> None:
    assert endpoint_of(ipaddress.ip_address(address), 80) == Endpoint("loopback", "localhost", 80)


@pytest.mark.parametrize("address", ["127.0.0.2", "10.0.0.1", "8.8.8.8", "fd00::1"])
def test_any_other_address_is_a_different_host(address: str) -> None:
    assert endpoint_of(ipaddress.ip_address(address), 80).host == address


@pytest.mark.parametrize(
    ("url", "port"), [("http://a/v1", 80), ("https://a/v1", 443), ("https://a:80/v1", 80), ("http://[::1]:443/", 443)]
)
def test_a_url_without_a_port_has_the_port_of_its_scheme(url: str, port: int) -> None:
    assert port_of(urlsplit(url)) == port
