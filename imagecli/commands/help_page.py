"""The help page of a command as a value, and its layout as text. The man pages are made from the same value."""

from __future__ import annotations

import inspect
import re
import shutil
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from imagecli.env import Env

SHORT_HELP_LINES: Final = 40
"""How long `-h` may be: a longer page is shortened to its everyday options and two examples."""

NARROWEST: Final = 40
WIDEST: Final = 100
"""Columns. Help uses the width of the terminal within these limits, and 80 columns in a pipe."""

EVERYDAY_OPTIONS: Final = frozenset(
    [
        "--prompt-file",
        "--var",
        "--model",
        "-n",
        "--size",
        "--quality",
        "--output-format",
        "--output",
        "--if-exists",
        "--mask",
        "--mask-rect",
        "--rect",
        "--ellipse",
        "--polygon",
        "--select-color",
        "--flood",
        "--alpha",
        "--from",
        "--invert",
        "--image",
        "--strength",
        "--provider",
        "--dry-run",
        "--max-cost",
        "--json",
        "--jobs",
        "--only",
        "--shard",
        "--check",
        "--batch-api",
        "--init",
        "--help",
    ]
)
"""The options that `-h` shows of a long page."""

_NOISE: Final = re.compile(r"  \[(required|[x<>=.,\d_-]+)\]|; (required|[x<>=.,\d_-]+)(?=\])")
"""What Typer adds to descriptions: ranges, which errors name, and what the usage line already shows."""

_OWN_TEXTS: Final = {
    "--help": "print help; -h prints only the common options",
    "--install-completion": "install completion for the current shell",
    "--show-completion": "print the completion script of the current shell",
}
"""Option of Typer's own → its description in imagecli's style."""

_SECTION_ORDER: Final = (
    *("Commands", "Topics", "Arguments", "Prompt", "Inputs", "Area", "Variation", "Image", "Run", "Batch API"),
    *("Journal", "Streaming", "Output", "Provider", "Cost", "Display", "Options"),
)

_TWO_COLUMNS_FROM = 60
"""A narrower terminal shows the description of an option below it."""

_NAME_COLUMN_AT_MOST = 28


class HelpEntry(NamedTuple):
    """One option, argument or command."""

    name: str
    text: str
    everyday: bool = True


class HelpPage(NamedTuple):
    """The content of a command's help."""

    usage: str
    """Such as `imagecli generate [OPTIONS] [PROMPT]`."""
    summary: str
    description: tuple[str, ...]
    """Paragraphs."""
    examples: tuple[str, ...]
    """Lines to paste, perhaps with a comment."""
    sections: tuple[tuple[str, tuple[HelpEntry, ...]], ...]
    """Heading → entries."""
    footer: tuple[str, ...] = ()


def help_width(env: Env) -> int:
    """Columns for help on stdout."""
    if not env.stdout.isatty():
        return 80
    return min(max(shutil.get_terminal_size().columns, NARROWEST), WIDEST)


def use_bold(env: Env) -> bool:
    """Whether headings are bold: on a terminal, unless it or the user wants no styles."""
    return env.stdout.isatty() and "NO_COLOR" not in env.environ and env.environ.get("TERM") != "dumb"


def read_docstring(text: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    """The summary, the paragraphs of the description and the lines below `Examples:` of a command's docstring."""
    body, _, examples = inspect.cleandoc(text).partition("\nExamples:\n")
    summary, *description = (" ".join(paragraph.split()) for paragraph in body.split("\n\n") if paragraph.strip())
    return summary, tuple(description), tuple(line.strip() for line in examples.splitlines() if line.strip())


def build_help_page(command: Any, ctx: Any, summaries: Mapping[str, Mapping[str, str]]) -> HelpPage:
    """The help page of a Typer command; *summaries* has its subcommands and topics: heading → name → summary."""
    summary, description, examples = read_docstring(command.help or "")
    sections = {
        heading: [HelpEntry(name=name, text=text) for name, text in entries.items()]
        for heading, entries in summaries.items()
    }
    for parameter in command.get_params(ctx):
        record = parameter.get_help_record(ctx)
        if record is None:
            continue
        is_argument = parameter.param_type_name == "argument"
        heading = getattr(parameter, "rich_help_panel", None) or ("Arguments" if is_argument else "Options")
        name, text = record
        text = next((_OWN_TEXTS[name] for name in parameter.opts if name in _OWN_TEXTS), text)
        everyday = is_argument or bool(EVERYDAY_OPTIONS.intersection(parameter.opts))
        sections.setdefault(heading, []).append(HelpEntry(name=name, text=_NOISE.sub("", text), everyday=everyday))
    return HelpPage(
        usage=" ".join([ctx.command_path, *command.collect_usage_pieces(ctx)]),
        summary=summary,
        description=description,
        examples=examples,
        sections=tuple((heading, tuple(sections[heading])) for heading in sorted(sections, key=_SECTION_ORDER.index)),
    )


def format_help_page(page: HelpPage, width: int, *, bold: bool) -> str:
    """*page* for *width* columns; *bold* marks the headings for a terminal."""
    blocks = [_fill(page.summary, width), _heading("Usage:", bold) + " " + _fill_usage(page.usage, width)]
    blocks += [_fill(paragraph, width) for paragraph in page.description]
    if page.examples:
        examples = "\n".join(_wrap_example(line, width) for line in page.examples)
        blocks.append(f"{_heading('Examples:', bold)}\n{examples}")
    for heading, entries in page.sections:
        lines = "\n".join(_entry_lines(entries, width))
        blocks.append(f"{_heading(heading + ':', bold)}\n{lines}")
    blocks += [_fill(line, width) for line in page.footer]
    return "\n\n".join(block for block in blocks if block)


def format_short_help(page: HelpPage, width: int, *, bold: bool) -> str:
    """*page* if it is short, else its everyday options and two of its examples."""
    text = format_help_page(page, width, bold=bold)
    if text.count("\n") < SHORT_HELP_LINES:
        return text
    sections = tuple(
        (heading, tuple(entry for entry in entries if entry.everyday)) for heading, entries in page.sections
    )
    merged = _merge_options(sections)
    command = page.usage.partition(" [")[0]
    short = page._replace(
        description=(), examples=page.examples[:2], sections=merged, footer=(f"All options: {command} --help",)
    )
    return format_help_page(short, width, bold=bold)


def _merge_options(
    sections: tuple[tuple[str, tuple[HelpEntry, ...]], ...],
) -> tuple[tuple[str, tuple[HelpEntry, ...]], ...]:
    """The groups of options as one, because a short page has no room for their headings."""
    other_sections = [
        (heading, entries)
        for heading, entries in sections
        if heading in ("Arguments", "Commands", "Topics") and entries
    ]
    options = tuple(
        entry
        for heading, entries in sections
        if heading not in ("Arguments", "Commands", "Topics")
        for entry in entries
    )
    return (*other_sections, ("Options", options))


def _heading(text: str, bold: bool) -> str:
    return f"\x1b[1m{text}\x1b[0m" if bold else text


def _fill(text: str, width: int, indent: str = "") -> str:
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def _fill_usage(usage: str, width: int) -> str:
    """The usage beside its heading; further lines are indented below it."""
    return _fill(usage, width - len("Usage: "), indent="    ").replace("\n", "\n       ")


def _wrap_example(line: str, width: int) -> str:
    """A command to paste. If the line is too long, its comment goes above it and backslashes continue it."""
    if len(line) + 2 <= width:
        return f"  {line}"
    code, _, comment = line.partition("  #")
    rows = [""]
    for word in re.findall(r"""(?:"[^"]*"|'[^']*'|\S)+""", code):
        if rows[-1] and len(rows[-1]) + len(word) + len("      ") + len(" \\") > width:
            rows.append("")
        rows[-1] += f" {word}" if rows[-1] else word
    above = f"  #{comment}\n" if comment else ""
    return above + "  " + " \\\n      ".join(rows)


def _entry_lines(entries: Sequence[HelpEntry], width: int) -> Iterator[str]:
    """Names with their descriptions, in two columns, or one below the other on a narrow terminal."""
    column = min(max((len(entry.name) for entry in entries), default=0), _NAME_COLUMN_AT_MOST) + 4
    narrow = width < _TWO_COLUMNS_FROM
    for entry in entries:
        text = textwrap.wrap(
            entry.text, width - (6 if narrow else column), break_long_words=False, break_on_hyphens=False
        )
        if narrow:
            yield f"  {entry.name}"
            yield from (f"      {line}" for line in text)
            continue
        if len(entry.name) + 4 > column or not text:
            yield f"  {entry.name}"
        else:
            yield f"  {entry.name:<{column - 2}}{text.pop(0)}"
        yield from (" " * column + line for line in text)
