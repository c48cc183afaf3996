"""Text manifests: a prompt on each line, used verbatim except for the blanks around it.

Empty lines are skipped, and so are comments, which begin with `# `.
"""

from __future__ import annotations

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.raw_rows import ParsedFile, RawRow
from imagecli.checks.check_request import looks_like_image_name

_MAX_NAME_LENGTH = 1000


def read_prompt_lines(text: str, problems: Problems) -> ParsedFile:
    """Reads the prompts of *text*. A line that ends like an image file is a problem: it is a list of files by `ls`."""
    rows: list[RawRow] = []
    for number, line in enumerate(text.split("\n"), 1):
        prompt = line.strip()
        if not prompt or prompt == "#" or prompt.startswith(("# ", "#\t")):
            continue
        if len(prompt) < _MAX_NAME_LENGTH and looks_like_image_name(prompt):
            message = f"the prompt {prompt[:100]!r} is named like a picture, not a description"
            problems.add(number, message, hint='{"command": "vary", "image": …} in a .jsonl file takes pictures')
        rows.append(RawRow(number=len(rows) + 1, line=number, fields={"prompt": prompt}))
    return ParsedFile(rows=rows)
