"""CSV and TSV manifests as spreadsheets write them: with a header, quotes and line breaks in cells."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from sys import intern
from typing import Final

from imagecli.batch.manifest.content import ManifestContent, RawRow
from imagecli.batch.manifest.errors import Problems
from imagecli.batch.manifest.schema import find_field
from imagecli.batch.manifest.value_parsers import format_value


def read_csv(text: str, problems: Problems) -> ManifestContent:
    """Reads cells separated by commas; by semicolons if the header has those and no comma."""
    header = next(filter(str.strip, _iter_lines(text)), "")
    return _read_table(text, ";" if ";" in header and "," not in header else ",", problems)


def read_tsv(text: str, problems: Problems) -> ManifestContent:
    """Reads cells separated by tabs."""
    return _read_table(text, "\t", problems)


def _read_table(text: str, separator: str, problems: Problems) -> ManifestContent:
    records = _iter_records(text, separator, problems)
    header_line, header = next(records, (1, []))
    while header and not header[-1].strip():
        header.pop()
    columns = tuple(intern(name.strip()) for name in header)
    _check_header(header_line, columns, problems)
    rows = _build_rows(records, columns, problems)
    return ManifestContent(rows=rows, columns=columns, header_line=header_line)


def _build_rows(
    records: Iterator[tuple[int, list[str]]], columns: tuple[str, ...], problems: Problems
) -> Iterator[RawRow]:
    count = 0
    for line, cells in records:
        _check_length(line, cells, columns, problems)
        if any(cells):
            cells += [""] * (len(columns) - len(cells))
            count += 1
            yield RawRow(count, line, dict(zip(columns, cells, strict=False)))


_LINE: Final = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")


def _iter_lines(text: str) -> Iterator[str]:
    """The lines of *text* with their ends. They are not copied all at once, as `io.StringIO` would."""
    return (match[0] for match in _LINE.finditer(text))


def _iter_records(text: str, separator: str, problems: Problems) -> Iterator[tuple[int, list[str]]]:
    """The first line and the cells of each record; empty lines are skipped."""
    reader = csv.reader(_iter_lines(text), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            problems.add(line, f"invalid quotes: {error}", hint='quote the cell, and write each quote in it as ""')
            return
        if cells:
            yield line, cells


def _check_header(line: int, columns: tuple[str, ...], problems: Problems) -> None:
    """Adds columns without a name, and those that are the same field."""
    seen: set[str] = set()
    for name in columns:
        field = find_field(name) or name
        if not name:
            problems.add(line, "a column has no name", hint="name or remove it")
        elif field in seen:
            problems.add(line, f"duplicate column {format_value(field)}", hint="remove one of them")
        seen.add(field)


def _check_length(line: int, cells: list[str], columns: tuple[str, ...], problems: Problems) -> None:
    if len(cells) > len(columns) and any(cell.strip() for cell in cells[len(columns) :]):
        problems.add(
            line,
            f"found {len(cells)} cells, expected at most {len(columns)}",
            hint="quote cells that contain the separator",
        )
