"""The output of a batch as the summary of a GitHub Actions step: one block of HTML.

Such a block ends at an empty line; without one, nothing in it is parsed as Markdown. Untrusted text is escaped and
wrapped in <code>, where GitHub makes no links of names, numbers and addresses.
"""

from __future__ import annotations

import html
from collections import Counter
from collections.abc import Iterable

from batch_output import BatchOutput, Row, clean_text

ORDER = ("error", "failed", "missing", "stale", "bought")
"""The order of rows by state; all other states come last."""
WORDS = {
    "bought": "created",
    "kept": "up to date",
    "done": "up to date",
    "not_sent": "not sent",
    "missing_or_stale": "missing or stale",
    "requests": "planned",
}
"""State or count in the output of `batch --json` → the words for people."""
UNCHANGED = ("kept", "done")
"""Rows in these states are folded away."""
FILES = 4
"""Files of one row that are named."""
WARNINGS = 20
"""Warnings before the rows; there may be one for every row."""
HEAD = "<table>\n<tr><th>line</th><th>state</th><th>files</th><th>cost</th><th>message</th></tr>\n"
END = "</table>\n"


def summary(output: BatchOutput, manifest: str, shard: str, exit_code: int, room: int) -> str:
    """At most *room* bytes of UTF-8; rows that do not fit are counted. Empty if nothing fits."""
    part = f", shard {code(clean_text(shard))}" if shard else ""
    head = f"<h3>imagecli batch {code(clean_text(manifest))}{part}</h3>\n<p>{sentence(output, exit_code)}</p>\n"
    warnings = [f"<p>warning: {code(warning)}</p>\n" for warning in dict.fromkeys(output.warnings)]
    rows = sorted(output.rows, key=lambda row: ORDER.index(row.state) if row.state in ORDER else len(ORDER))
    changed = [row for row in rows if row.state not in UNCHANGED]
    unchanged = [row for row in rows if row.state in UNCHANGED]
    fold = f"<details><summary>{len(unchanged):,} up to date</summary>\n", "</details>\n"
    remaining = room - size(head, HEAD, END, *fold, HEAD, END, omitted(len(warnings) + len(rows)))
    if remaining < 0:
        return ""
    paragraphs = fitting(warnings[:WARNINGS], remaining)
    table = fitting(map(cells, changed), remaining - size(*paragraphs))
    folded = fitting(map(cells, unchanged), remaining - size(*paragraphs, *table))
    parts = [head, *paragraphs]
    if table:
        parts += [HEAD, *table, END]
    if folded:
        parts += [fold[0], HEAD, *folded, END, fold[1]]
    if missing := len(warnings) - len(paragraphs) + len(rows) - len(table) - len(folded):
        parts.append(omitted(missing))
    return "".join(parts)


def sentence(output: BatchOutput, exit_code: int) -> str:
    """`17 created, 1 failed; cost: $0.530; exit 9`"""
    states = Counter(row.state for row in output.rows if row.state != "error")
    counts = output.counts or dict(states.most_common())
    named = [f"{count:,} {html.escape(WORDS.get(name, name))}" for name, count in counts.items() if count]
    parts = (
        ", ".join(named),
        f"cost: ${output.cost_usd:.3f}" if output.cost_usd else "",
        f"cost: at most ${output.at_most_usd:.3f}" if output.at_most_usd else "",
        "" if output.ended else "the run ended without a summary",
        f"{output.unreadable:,} unreadable {'line' if output.unreadable == 1 else 'lines'}"
        if output.unreadable
        else "",
        f"exit {exit_code}",
    )
    return "; ".join(part for part in parts if part)


def cells(row: Row) -> str:
    more = len(row.outputs) - FILES
    files = " ".join(code(name) for name in row.outputs[:FILES]) + (f" and {more:,} more" if more > 0 else "")
    cost = f"${row.cost_usd:.3f}" if row.cost_usd else ""
    values = (
        "" if row.line is None else str(row.line),
        html.escape(WORDS.get(row.state, row.state)),
        files,
        cost,
        code(row.message),
    )
    return f"<tr>{''.join(f'<td>{value}</td>' for value in values)}</tr>\n"


def code(text: str) -> str:
    return f"<code>{html.escape(text)}</code>" if text.strip() else ""


def omitted(count: int) -> str:
    return f"<p>{count:,} more not shown.</p>\n"


def size(*parts: str) -> int:
    """The size of all *parts* in bytes."""
    return sum(len(part.encode()) for part in parts)


def fitting(parts: Iterable[str], room: int) -> list[str]:
    """The first of *parts* that fit into *room* bytes together."""
    chosen = []
    for part in parts:
        room -= size(part)
        if room < 0:
            break
        chosen.append(part)
    return chosen
