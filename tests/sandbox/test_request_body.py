"""Forms are parsed as HTTP libraries build them, and no input raises an exception."""

from __future__ import annotations

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from imagecli.sandbox.http_message import ServerRequest
from imagecli.sandbox.request_body import iter_form_parts

TYPE = 'multipart/form-data; boundary="B"'


def read(body: bytes, content_type: str = TYPE) -> list[tuple[str, str | None, bytes]]:
    request = ServerRequest(method="POST", target="/", headers={"content-type": content_type}, body=body)
    return [(part.name, part.filename, part.data) for part in iter_form_parts(request)]


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(categories=["L", "N"]), min_size=1),
            st.none() | st.text(st.characters(categories=["L", "N"]), min_size=1),
            st.binary() | st.sampled_from([b"\r\n", b"\r\n--", b"--B--\r\n", b"\r\n\r\n"]),
        ),
        min_size=1,
    )
)
def test_forms_of_http_libraries_are_read(parts: list[tuple[str, str | None, bytes]]) -> None:
    files = [(name, (filename, data)) for name, filename, data in parts]
    prepared = requests.Request("POST", "http://h/", files=files).prepare()
    assert isinstance(prepared.body, bytes)
    assert read(prepared.body, prepared.headers["content-type"]) == parts


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n', [("a", None, b"1")]),
        (b'pre\r\n--B \t\r\nContent-Disposition: form-data; name=a\r\n\r\n\r\n--B--', [("a", None, b"")]),
        (b'--B\r\ncontent-disposition: x; name=a; filename*=utf-8\'\'%e2%82%ac\r\n\r\n1\r\n--B--', [("a", "€", b"1")]),
        (b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nx--B\r\n--B--', [("a", None, b"x--B")]),
        (b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\nno end', []),
        (b'--B\r\nContent-Disposition: form-data; name="a"\r\n--B--', []),
        (b"--B\r\n\r\nnameless\r\n--B--", []),
        (b"x--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--", []),
        (b"--B\r\n--B\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n--B--", [("a", None, b"1")]),
        (b"--B--", []),
        (b"", []),
    ],
)  # fmt: skip
def test_form_is_read_as_far_as_it_is_valid(body: bytes, parts: list[tuple[str, str | None, bytes]]) -> None:
    assert read(body) == parts


@given(
    st.lists(
        st.sampled_from([b"--B", b"\r\n", b"--", b"Content-Disposition: form-data; name=", b'"', b"\xff", b":", b" "])
    )
)
def test_no_body_raises_an_exception(pieces: list[bytes]) -> None:
    assert all(name for name, _, _ in read(b"".join(pieces)))


@pytest.mark.parametrize(
    "content_type",
    ["", "multipart/form-data", "multipart/form-data; boundary=", "x; boundary=\xff", "x\r\ny; boundary=B"],
)
def test_no_content_type_raises_an_exception(content_type: str) -> None:
    read(b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n--B--\r\n', content_type)
