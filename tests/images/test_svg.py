"""The parts of an SVG that a browser would execute are found in every notation."""

from __future__ import annotations

import io

import pytest

from imagecli.images.formats.svg import active_parts

STANDARD = (
    '<?xml version="1.0"?>'
    '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">'
)


def parts(inside: str, before: str = "") -> tuple[str, ...]:
    return active_parts(io.BytesIO(f'{before}<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>'.encode()))


@pytest.mark.parametrize(
    ("inside", "part"),
    [
        ("<script>alert(1)</script>", "scripts"),
        ("<script/>", "scripts"),
        ("<SCRIPT\n>", "scripts"),
        ('<h:script xmlns:h="http://www.w3.org/1999/xhtml">x</h:script>', "scripts"),
        ('<rect onload="x()"/>', "event handlers"),
        ("<rect width='1'\n\tonmouseover\n=\n'x()'/>", "event handlers"),
        (f"<rect {' ' * 9000}onclick{' ' * 9000}={' ' * 9000}'x()'/>", "event handlers"),
        ('<a href="javascript:x()"/>', "script links"),
        ("<a xlink:href=' \n JavaScript:x()'/>", "script links"),
        ('<a href="&#106;ava&#x73;cript:x()"/>', "script links"),
        ('<a href="java&#10;script&colon;x()"/>', "script links"),
        ('<set attributeName="href" to="javascript:x()"/>', "script links"),
        ('<animate attributeName="href" values="#;javascript:x()"/>', "script links"),
        ('<a href="data:text/html,x"/>', "script links"),
        ("<foreignObject><p/></foreignObject>", "embedded HTML"),
        ('<h:iframe src="x"/>', "embedded HTML"),
    ],
)
@pytest.mark.parametrize("offset", [0, 128 * 1024 - 70, 300_000])
def test_executable_parts_are_found_anywhere(inside: str, part: str, offset: int) -> None:
    assert parts("x" * offset + inside) == (part,)


@pytest.mark.parametrize(
    ("before", "part"),
    [
        ('<!DOCTYPE svg [<!ENTITY a "b">]>', "entities"),
        ('<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/passwd">]>', "entities"),
        ("<!DOCTYPE svg [<!ATTLIST svg onload CDATA 'x()'>]>", "entities"),
        ('<!DOCTYPE svg SYSTEM "http://example.com/a.dtd">', "an external DTD"),
        ("<!doctype svg PUBLIC \"-//W3C//DTD SVG 1.1//EN\" 'file:///a.dtd'>", "an external DTD"),
        ('<?xml-stylesheet href="http://example.com/a.xsl"?>', "external style sheets"),
    ],
)
def test_loaded_and_expanded_parts_are_found(before: str, part: str) -> None:
    assert parts("<rect/>", before) == (part,)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        '<rect width="1" height="2"/>',
        "<text>click on the button, or turn it on = good; once more on line</text>",
        "<text>javascript: the good parts</text>",
        '<a href="https://example.com/javascript:"/>',
        '<image href="data:image/png;base64,AAAA"/>',
        "<style>.onload { fill: red }</style>",
        '<description>a script</description><g id="script"/>',
    ],
)
@pytest.mark.parametrize("before", ["", STANDARD, "<!DOCTYPE svg>"])
def test_a_plain_drawing_is_not_active(inside: str, before: str) -> None:
    assert parts(inside, before) == ()


def test_every_part_is_named_once() -> None:
    assert parts("<script/><script/><rect onload='x'/>") == ("scripts", "event handlers")
