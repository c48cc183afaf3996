"""CSV and TSV as spreadsheets write them: a header, quotes, line breaks in cells, a byte order mark."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from sys import intern

from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.rows import ParsedFile, RawRow
from imagecli.batch.manifest.schema import find_field
from imagecli.batch.manifest.value_parsers import format_value


def read_csv(text: str, problems: Problems) -> ParsedFile:
    """Cells between commas; between semicolons where the header has those and no comma."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    return _read_table(text, ";" if ";" in header and "," not in header else ",", problems)


def read_tsv(text: str, problems: Problems) -> ParsedFile:
    """Cells between tabs."""
    return _read_table(text, "\t", problems)


def _read_table(text: str, separator: str, problems: Problems) -> ParsedFile:
    draft = ParsedFile(columns=())
    lines = _iter_rows(text, separator, problems)
    line, header = next(lines, (1, []))
    while header and not header[-1].strip():
        header.pop()
    draft.header_line, draft.columns = line, tuple(intern(name.strip()) for name in header)
    _check_header(draft, problems)
    for line, cells in lines:
        _check_length(line, cells, draft.columns, problems)
        if any(cells):
            cells += [""] * (len(draft.columns) - len(cells))
            fields = dict(zip(draft.columns, cells, strict=False))
            draft.rows.append(RawRow(number=len(draft.rows) + 1, line=line, fields=fields))
    return draft


def _iter_rows(text: str, separator: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """Where each line of cells begins, and its cells; lines without any are left out."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        begins = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            said = f"its quotes can't be read: {error}"
            problems.add(begins, said, hint='a cell that holds quotes stands in quotes, and each of its own is ""')
            return
        if cells:
            yield begins, cells


def _check_header(draft: ParsedFile, problems: Problems) -> None:
    """Adds columns that have no name, and those that say the same."""
    seen: dict[str, str] = {}
    for name in draft.columns or ():
        known = find_field(name) or name
        if not name:
            problems.add(draft.header_line, "a column has no name", hint="name it, or leave it out")
        elif known in seen:
            problems.add(draft.header_line, f"two columns are {format_value(known)}", hint="leave one of them out")
        seen[known] = name


def _check_length(line: int, cells: list[str], columns: tuple[str, ...], problems: Problems) -> None:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        problems.add(
            line,
            f"{len(cells)} cells, and the header has {len(columns)} columns",
            hint="a cell that holds the separator stands in quotes",
        )
