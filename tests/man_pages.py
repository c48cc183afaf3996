"""Creates the man pages from the help of the commands and the Markdown of the topics; run by `tests.regenerate`."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import typer
from markdown_it import MarkdownIt
from markdown_it.token import Token

from imagecli import __version__, cli, commands
from imagecli.commands.help_page import HelpPage, build_help_page
from imagecli.env import Env
from imagecli.topics import TOPICS, read_topic

TOPICS_OF: Final = {
    "edit": ("masks",),
    "batch": ("batch", "batch-api", "ci"),
    "models": ("models", "cost"),
    "providers": ("providers",),
    "sandbox": ("sandbox",),
    "config": ("settings",),
}
"""Command → the topics that its page includes; imagecli(1) includes the others."""


def man_pages() -> dict[str, str]:
    """File name → page: one of imagecli itself and one of each command."""
    root = typer.main.get_command(cli.app)
    env = Env(io.StringIO(), io.StringIO(), io.StringIO(), {}, lambda: datetime.now(UTC))
    context = root.context_class(root, info_name="imagecli", obj=env, help_option_names=["-h", "--help"])
    elsewhere = {name for names in TOPICS_OF.values() for name in names}
    pages = {"imagecli.1": _page("imagecli", _help(context), [name for name in TOPICS if name not in elsewhere])}
    for name in commands.NAMES:
        command = root.get_command(context, name)  # type: ignore[attr-defined]
        child = command.context_class(command, info_name=name, parent=context)
        subcommands = getattr(command, "commands", {})
        parts = [
            _help(part.context_class(part, info_name=word, parent=child))
            for word, part in subcommands.items()
            if not part.hidden
        ]
        pages[f"imagecli-{name}.1"] = _page(f"imagecli-{name}", _help(child), TOPICS_OF.get(name, ()), parts)
    return pages


def _help(context: Any) -> HelpPage:
    return build_help_page(context.command, context, context.command.list_entries(context))


def _page(name: str, page: HelpPage, topics: Any, parts: Any = ()) -> str:
    lines = [
        "'\\\" t",
        f'.TH "{_escape(name).upper()}" "1" "" "imagecli {__version__}" "imagecli manual"',
        ".nh",
        ".ad l",
    ]
    lines += [".SH NAME", f"{_escape(name)} \\- {_escape(page.summary.rstrip('.'))}"]
    lines += [".SH SYNOPSIS", f".B {_escape(page.usage)}", *_body(page)]
    for part in parts:
        lines += [f'.SH "{_escape(part.usage.partition(" [")[0])}"', _escape(part.summary), *_body(part, ".SS")]
    for topic in topics:
        lines += _roff(read_topic(topic))
    page_names = ["imagecli", *(f"imagecli-{page_name}" for page_name in commands.NAMES)]
    lines += [
        ".SH SEE ALSO",
        ", ".join(f"\\fB{_escape(page_name)}\\fR(1)" for page_name in page_names if page_name != name),
    ]
    return "\n".join(lines) + "\n"


def _body(page: HelpPage, heading: str = ".SH") -> Iterator[str]:
    if page.description and heading == ".SH":
        yield ".SH DESCRIPTION"
    for paragraph in page.description:
        yield from (".PP", _escape(paragraph))
    for title, entries in page.sections:
        if title == "Topics":
            continue
        yield f'{heading} "{_escape(title).upper() if heading == ".SH" else _escape(title)}"'
        for entry in entries:
            yield from (".TP", f"\\fB{_escape(entry.name)}\\fR", _escape(entry.text))
    if page.examples:
        yield from (f"{heading} EXAMPLES", ".EX", *(_escape(line) for line in page.examples), ".EE")


# --- Markdown to roff ------------------------------------------------------------------------------------------------


def _roff(text: str) -> Iterator[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    depth = 0
    cells: list[list[str]] = []
    for before, token in zip([None, *tokens], tokens, strict=False):
        match token.type:
            case "inline" if before and before.type == "heading_open":
                yield (".SH" if before.tag == "h1" else ".SS") + f' "{_inline(token)}"'
            case "inline" if before and before.type in ("th_open", "td_open"):
                cells[-1].append(_inline(token))
            case "inline":
                yield _inline(token)
            case "paragraph_open" if not depth or (before and before.type == "paragraph_close"):
                yield ".PP" if not depth else ".IP"
            case "list_item_open":
                depth += 1
                marker = f"{token.info}." if token.info else "\\(bu"
                yield f'.IP "{marker}" 3'
            case "list_item_close":
                depth -= 1
            case "fence" | "code_block":
                yield from (".PP", ".RS 4", ".EX", *map(_escape, token.content.rstrip("\n").split("\n")), ".EE", ".RE")
            case "table_open":
                cells = []
            case "tr_open":
                cells.append([])
            case "table_close":
                yield from _table(cells)


def _table(rows: list[list[str]]) -> Iterator[str]:
    columns = len(rows[0])
    yield from (".TS", "tab(@);", " ".join(["lb"] * columns), " ".join(["l"] * (columns - 1) + ["lx"]) + ".")
    for row in rows:
        yield "@".join("T{\n" + cell + "\nT}" for cell in row)
    yield ".TE"


def _inline(token: Token) -> str:
    text, target = "", ""
    for child in token.children or []:
        match child.type:
            case "code_inline":
                text += f"\\fB{_escape(child.content)}\\fR"
            case "strong_open":
                text += "\\fB"
            case "em_open":
                text += "\\fI"
            case "strong_close" | "em_close":
                text += "\\fR"
            case "link_open":
                target = str(child.attrs["href"])
            case "link_close" if target.startswith("http"):
                text += f" ({_escape(target)})" if _escape(target) not in text else ""
            case "softbreak" | "hardbreak":
                text += "\n"
            case _:
                text += _escape(child.content)
    return text


def _escape(text: str) -> str:
    """*text* for roff: backslashes, hyphens that can be pasted, and no line that begins like a request."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text, flags=re.M)
