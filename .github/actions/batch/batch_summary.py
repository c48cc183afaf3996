"""What a batch said, as the summary of a GitHub Actions step: one block of HTML.

Markdown reads nothing inside of such a block before an empty line, and there is none. Foreign text stands escaped in
<code>, where GitHub makes no links of names, numbers and addresses.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable

from batch_said import Row, Said, text

ORDER = ("error", "failed", "missing", "stale", "bought")
"""What is shown first; everything else is shown last."""
WORDS = {
    "kept": "kept as they are",
    "not_sent": "not sent",
    "missing_or_stale": "missing or stale",
    "requests": "planned",
}
FILES = 4
"""Of one row, that are named."""
WARNINGS = 20
"""That stand before the rows; there may be one of every row."""
HEAD = "<table>\n<tr><th>line</th><th>is</th><th>files</th><th>cost</th><th>said</th></tr>\n"
END = "</table>\n"


def summary(said: Said, manifest: str, shard: str, exit_code: int, room: int) -> str:
    """At most *room* bytes of UTF-8; what has no place is counted. Empty where nothing has."""
    part = f", shard {code(text(shard))}" if shard else ""
    head = f"<h3>imagecli batch {code(text(manifest))}{part}</h3>\n<p>{sentence(said, exit_code)}</p>\n"
    warnings = [f"<p>warning: {code(warning)}</p>\n" for warning in dict.fromkeys(said.warnings)]
    rows = sorted(said.rows, key=lambda row: ORDER.index(row.state) if row.state in ORDER else len(ORDER))
    left = room - size(head, HEAD, END, left_out(len(warnings) + len(rows)))
    if left < 0:
        return ""
    told = fitting(warnings[:WARNINGS], left)
    table = fitting(map(cells, rows), left - size(*told))
    missing = len(warnings) - len(told) + len(rows) - len(table)
    return "".join((head, *told, *((HEAD, *table, END) if table else ()), left_out(missing) if missing else ""))


def sentence(said: Said, exit_code: int) -> str:
    """`17 bought, 1 failed; cost: $0.530; exit 9`"""
    states = Counter(row.state for row in said.rows if row.state != "error")
    counts = said.counts or dict(states.most_common())
    named = [f"{count:,} {html.escape(WORDS.get(name, name))}" for name, count in counts.items() if count]
    parts = (
        ", ".join(named),
        f"cost: ${said.cost_usd:.3f}" if said.cost_usd else "",
        f"cost: at most ${said.at_most_usd:.3f}" if said.at_most_usd else "",
        "" if said.ended else "it ended without a summary",
        f"{said.unreadable:,} lines could not be read" if said.unreadable else "",
        f"exit {exit_code}",
    )
    return "; ".join(part for part in parts if part)


def cells(row: Row) -> str:
    more = len(row.outputs) - FILES
    files = " ".join(code(name) for name in row.outputs[:FILES]) + (f" and {more:,} more" if more > 0 else "")
    cost = f"${row.cost_usd:.3f}" if row.cost_usd else ""
    values = ("" if row.line is None else str(row.line), html.escape(row.state), files, cost, code(row.said))
    return f"<tr>{''.join(f'<td>{value}</td>' for value in values)}</tr>\n"


def code(words: str) -> str:
    return f"<code>{html.escape(words)}</code>" if words.strip() else ""


def left_out(count: int) -> str:
    return f"<p>{count:,} more have no place here.</p>\n"


def size(*parts: str) -> int:
    """In bytes."""
    return sum(len(part.encode()) for part in parts)


def fitting(parts: Iterable[str], room: int) -> list[str]:
    """The first of *parts* that have room together."""
    found = []
    for part in parts:
        room -= size(part)
        if room < 0:
            break
        found.append(part)
    return found
