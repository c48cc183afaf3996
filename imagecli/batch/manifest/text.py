"""The bytes of a manifest as text; and the plainest manifest, which is a prompt a line."""

from __future__ import annotations

from typing import Final

from imagecli.batch.manifest.problems import Problems
from imagecli.batch.manifest.rows import Draft, Row
from imagecli.checks import ends_like_picture

_UTF_16: Final = (b"\xff\xfe", b"\xfe\xff")
_AS_UTF_8: Final = "save it as UTF-8, or iconv -f UTF-16 -t UTF-8"


def decoded(data: bytes, problems: Problems) -> str:
    """*data* as text, without a byte order mark. Raises ManifestError with the line of what is no UTF-8."""
    if data.startswith(_UTF_16):
        problems.add(1, "it is UTF-16, and UTF-8 is wanted", hint=_AS_UTF_8)
    elif (nul := data.find(b"\0")) >= 0:
        problems.add(_line_of(data, nul), "a NUL byte: it is no text, or UTF-16", hint=_AS_UTF_8)
    problems.check()
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problems.add(
            _line_of(data, error.start), f"byte 0x{data[error.start]:02x} is not UTF-8 text", hint="save it as UTF-8"
        )
    problems.check()
    raise AssertionError


def _line_of(data: bytes, position: int) -> int:
    return data.count(b"\n", 0, position) + 1


def read_prompts(text: str, problems: Problems) -> Draft:
    """A prompt a line, as it stands but for blanks around it; empty lines are none, nor is one that begins with `# `.

    A line that is named like a picture is refused: `ls` writes such lists, and nobody wants a picture of "cat.png".
    """
    rows: list[Row] = []
    for line, words in enumerate(text.split("\n"), 1):
        prompt = words.strip()
        if not prompt or prompt == "#" or prompt.startswith(("# ", "#\t")):
            continue
        if ends_like_picture(prompt) and len(prompt) < 1000:
            said = f"the prompt {prompt[:100]!r} is named like a picture, not a description"
            problems.add(line, said, hint='{"command": "vary", "image": …} in a .jsonl file takes pictures')
        rows.append(Row(number=len(rows) + 1, line=line, fields={"prompt": prompt}))
    return Draft(rows=rows)
