"""Prints the history: a table on a terminal, lines with tabs in a pipe, and JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from imagecli.env import Env, format_time
from imagecli.money import format_usd, format_usd_range
from imagecli.output.json_result import print_json_document
from imagecli.output.terminal import (
    format_table,
    output_width,
    printable_path,
    sanitize,
    terminal_columns,
    wrap_text,
    write_to_stdout,
)
from imagecli.quoting import quote_command
from imagecli.request_options import describe_options, visible_options
from imagecli.storage.read import has_content

if TYPE_CHECKING:
    from imagecli.domain import Json
    from imagecli.history.costs import CostRow
    from imagecli.history.lineage import LineageNode
    from imagecli.history.query import HistoryImage
    from imagecli.preview.screen import Screen

UNKNOWN: Final = "unknown"
_PROMPT_CHARACTERS: Final = 4_000
_MAX_COMMAND: Final = 4_000
_COLUMNS_FOR_COST: Final = 60
_COLUMNS_FOR_THUMBNAIL: Final = 60
_COLUMNS_FOR_FILE: Final = 90
_COLUMNS_FOR_MODEL: Final = 110
"""A narrower terminal omits that column of the list."""
_FILE_COLUMNS: Final = 28


def print_history_list(images: Sequence[HistoryImage], env: Env, screen: Screen | None = None) -> None:
    """Prints one line for each image: as wide as the terminal, or with tabs in a pipe.

    On a *screen* two lines, with a thumbnail.
    """
    if not images:
        return
    columns = terminal_columns(env) or 80
    if not env.stdout.isatty():
        _write_lines([_tab_line(image, env) for image in images], env)
    elif screen is None or columns < _COLUMNS_FOR_THUMBNAIL:
        _write_lines(_table(images, columns, env), env)
    else:
        _print_with_thumbnails(images, columns, screen, env)


def _print_with_thumbnails(images: Sequence[HistoryImage], columns: int, screen: Screen, env: Env) -> None:
    """Prints each row as soon as its thumbnail is drawn."""
    from imagecli.output.history_thumbnails import ROOM, draw_thumbnails

    heading, *rows = _table(images, columns - ROOM.columns - 2, env)
    _write_lines([" " * (ROOM.columns + 2) + heading], env)
    for row, drawing in zip(rows, draw_thumbnails(images, screen), strict=True):
        _write_lines([f"{drawing[0]}  {row}", *drawing[1:]], env)


def _tab_line(image: HistoryImage, env: Env) -> str:
    """ID, time, model, cost, file and prompt, separated by tabs, which are in none of them."""
    cost = "" if image.cost_usd is None else f"{image.cost_usd:.6f}".rstrip("0").rstrip(".")
    path = printable_path(image.path, env.stdout).replace("\t", " ") if image.path else ""
    prompt = sanitize(image.prompt or "", _PROMPT_CHARACTERS)
    return "\t".join((image.id, f"{image.created:%Y-%m-%dT%H:%M:%SZ}", image.model, cost, path, prompt))


def _table(images: Sequence[HistoryImage], columns: int, env: Env) -> list[str]:
    from rich.cells import cell_len, set_cell_size

    now = env.now()
    rows = [("ID", "CREATED", "COST", "MODEL", "FILE", "PROMPT")]
    for image in images:
        file = sanitize(image.path.name) if image.path else "(stdout)"
        prompt = sanitize(image.prompt or f"({image.command})")
        rows.append((image.id, _short_time(image.created, now), _cost(image.cost_usd), image.model, file, prompt))
    indices = [0, 1]
    indices += [2] if columns >= _COLUMNS_FOR_COST else []
    indices += [3] if columns >= _COLUMNS_FOR_MODEL else []
    indices += [4] if columns >= _COLUMNS_FOR_FILE else []
    widths = {index: max(cell_len(row[index]) for row in rows) for index in indices}
    if 4 in widths:
        widths[4] = min(widths[4], _FILE_COLUMNS)
    prompt_columns = max(columns - 1 - sum(widths.values()) - 2 * len(widths), 8)
    lines = []
    for row in rows:
        cells = [set_cell_size(_shorten(row[index], wide), wide) for index, wide in widths.items()]
        lines.append("  ".join((*cells, _shorten(row[5], prompt_columns))).rstrip())
    return lines


def _shorten(text: str, columns: int) -> str:
    from rich.cells import cell_len, set_cell_size

    return text if cell_len(text) <= columns else set_cell_size(text, columns - 1).rstrip() + "…"


def _short_time(created: datetime, now: datetime) -> str:
    local = created.astimezone(now.tzinfo)
    if local.date() == now.date():
        return f"{local:%H:%M}"
    return f"{local:%b} {local.day}" if local.year == now.year else f"{local:%Y-%m-%d}"


def _cost(usd: float | None) -> str:
    if usd is None:
        return UNKNOWN
    return format_usd(usd) if usd else "free"


def print_history_image(image: HistoryImage, tree: Sequence[LineageNode], command: Sequence[str], env: Env) -> None:
    """Prints how an image was made; *command* requests it again."""
    facts = [(name, value) for name, value in _facts(image, command, env) if value]
    heading = printable_path(image.path, env.stdout) if image.path else "written to stdout"
    if not env.stdout.isatty():
        lines = [f"file: {heading}", *(f"{name}: {sanitize(value, _MAX_COMMAND)}" for name, value in facts)]
        _write_lines([*lines, *(f"tree: {line}" for line in _tree_lines(tree, image))], env)
        return
    width, indent = output_width(env), max(len(name) for name, _ in facts) + 4
    lines = [heading]
    for name, value in facts:
        lines += wrap_text(f"  {name:<{indent - 2}}{sanitize(value, _MAX_COMMAND)}", width, " " * indent)
    if len(tree) > 1:
        columns = terminal_columns(env) or width
        lines += ["", *(_shorten(line, columns - 1) for line in _tree_lines(tree, image))]
    _write_lines(lines, env)


def _facts(image: HistoryImage, command: Sequence[str], env: Env) -> Iterator[tuple[str, str]]:
    yield "id", image.id
    if image.path and not image.path.is_file():
        yield "missing", "the file was moved or deleted since"
    elif image.path and not has_content(image.path, image.sha256):
        yield "changed", "the file was changed or replaced since"
    yield "created", format_time(image.created, env.now().tzinfo)
    yield "prompt", image.prompt or ""
    yield "revised prompt", image.revised_prompt or ""
    yield "made by", f"{image.model or 'unknown model'} at {image.provider}, imagecli {image.command}"
    yield "manifest", str(image.manifest or "")
    yield "options", describe_options(image.options)
    for file in image.inputs:
        parent = f", {file.parent} of the history" if file.parent else ""
        yield file.role if file.role != "image" else "input", f"{'stdin' if file.path is None else file.name}{parent}"
    yield "size", f"{image.size or 'unknown'} {image.format}, {image.bytes:,} bytes"
    yield "cost", _cost_text(image)
    yield "request id", image.request_id or ""
    yield "sha256", image.sha256
    text = quote_command(("imagecli", *command))
    yield "command", text if len(text) <= _MAX_COMMAND else ""


def _cost_text(image: HistoryImage) -> str:
    if image.cost_usd is not None:
        return _cost(image.cost_usd)
    if image.estimated_usd is None:
        return UNKNOWN
    return f"{UNKNOWN}; estimated {format_usd_range(image.estimated_usd, image.estimated_max_usd)}"


def _tree_lines(tree: Sequence[LineageNode], image: HistoryImage) -> Iterator[str]:
    """Each image of the tree, indented below the one that it was made from; an arrow marks *image*."""
    open_branches: list[bool] = []
    for node in tree:
        del open_branches[max(node.depth - 1, 0) :]
        bars = "".join("│  " if is_open else "   " for is_open in open_branches)
        branch = ("└─ " if node.is_last else "├─ ") if node.depth else ""
        if node.depth:
            open_branches.append(not node.is_last)
        prompt = sanitize(node.image.prompt or f"({node.image.command})", 200)
        mark = "  ← this image" if node.image.id == image.id else ""
        yield f"{bars}{branch}{node.image.id}  {prompt}{mark}"


def print_cost_table(rows: Sequence[CostRow], env: Env) -> None:
    """Prints the costs of each day and model, and their total."""
    if not rows:
        return
    cells = [("DAY", "PROVIDER", "MODEL", "IMAGES", "ESTIMATED", "ACTUAL")]
    for row in rows:
        actual = _cost(row.known_usd) if row.known_usd or not row.unknown_requests else ""
        if row.unknown_requests:
            unknown = f"{UNKNOWN} for {row.unknown_requests:,}" if row.requests > 1 else UNKNOWN
            actual = f"{actual}, {unknown}" if actual else unknown
        estimated = UNKNOWN
        if row.estimated_usd is not None:
            is_free = row.estimated_max_usd == 0
            estimated = "free" if is_free else format_usd_range(row.estimated_usd, row.estimated_max_usd)
        day = str(row.day) if row.day else "total"
        cells.append((day, row.provider, sanitize(row.model), f"{row.images:,}", estimated, actual))
    if not env.stdout.isatty():
        _write_lines(["\t".join(line) for line in cells[1:]], env)
        return
    _write_lines(list(format_table(cells, output_width(env))), env)


def print_costs_json(rows: Sequence[CostRow], env: Env) -> None:
    """Prints the costs as JSON; the total of nothing is 0."""
    days: list[Json] = [_costs_to_json(row) for row in rows if row.day]
    zeros: dict[str, Json] = {"requests": 0, "images": 0, "actual_usd": 0.0, "known_usd": 0.0, "unknown_requests": 0}
    total = _costs_to_json(rows[-1]) if rows else {**zeros, "estimated_usd": 0.0, "estimated_max_usd": 0.0}
    for name in ("day", "provider", "model"):
        total.pop(name, None)
    print_json_document("history", {"days": days, "total": total}, env)


def _costs_to_json(row: CostRow) -> dict[str, Json]:
    document: dict[str, Json] = {"day": row.day.isoformat() if row.day else None}
    document |= {"provider": row.provider, "model": row.model, "requests": row.requests, "images": row.images}
    for name in ("estimated_usd", "estimated_max_usd", "actual_usd", "known_usd"):
        document[name] = _rounded(getattr(row, name))
    return document | {"unknown_requests": row.unknown_requests}


def print_history_json(
    images: Sequence[HistoryImage], env: Env, *, total: int | None = None, tree: Sequence[LineageNode] | None = None
) -> None:
    """Prints images as JSON, with their number without a limit, or with the tree of the one image."""
    further: dict[str, Json] = {"images": [history_image_to_json(image) for image in images]}
    if total is not None:
        further["total"] = total
    if tree is not None:
        further["tree"] = [
            {"id": node.image.id, "depth": node.depth, "parents": list(node.image.parents), "prompt": node.image.prompt}
            for node in tree
        ]
    print_json_document("history", further, env)


def history_image_to_json(image: HistoryImage) -> dict[str, Json]:
    """An entry of `images`: the keys of other commands, and those of the history."""
    return {
        "id": image.id,
        "created": f"{image.created:%Y-%m-%dT%H:%M:%SZ}",
        "command": image.command,
        "provider": image.provider,
        "base_url": image.base_url,
        "model": image.model,
        "prompt": image.prompt,
        "revised_prompt": image.revised_prompt,
        "variables": dict(image.variables),
        "options": visible_options(image.options),
        "inputs": [
            {
                "role": file.role,
                "name": file.name,
                "path": _path_text(file.path),
                "sha256": file.sha256,
                "id": file.parent,
            }
            for file in image.inputs
        ],
        "path": _path_text(image.path),
        "original": _path_text(image.original),
        "sha256": image.sha256,
        "format": image.format,
        "bytes": image.bytes,
        "width": image.size.width if image.size else None,
        "height": image.size.height if image.size else None,
        "cost_usd": _rounded(image.cost_usd),
        "estimated_usd": _rounded(image.estimated_usd),
        "estimated_max_usd": _rounded(image.estimated_max_usd),
        "usage": None if image.usage is None else dict(image.usage),
        "request_id": image.request_id,
        "manifest": _path_text(image.manifest),
    }


def _path_text(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _rounded(usd: float | None) -> float | None:
    return None if usd is None else round(usd, 6)


def _write_lines(lines: Sequence[str], env: Env) -> None:
    text = "".join(f"{line}\n" for line in lines)
    write_to_stdout(env, text.encode("utf-8", "surrogateescape"))
