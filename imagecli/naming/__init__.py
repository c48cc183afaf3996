"""Chooses the name of every image before anything is paid for. Pure: the disk is queried through a `PathLookup`.

`parse_output` parses `-o`, `build_fields` collects the fields of templates, `resolve_names` makes the names, and
`path_for_format` gives the path once the format of an image is known.
"""

from imagecli.naming.filenames import mark_path, number_path, slugify
from imagecli.naming.output_pattern import (
    FIELDS,
    OutputPattern,
    PathKind,
    PathLookup,
    added_ending_note,
    build_fields,
    check_output_ending,
    check_output_inside,
    check_variables,
    check_variables_used,
    folder_note,
    parse_output,
)
from imagecli.naming.resolve import (
    ResolvedName,
    build_names,
    path_for_format,
    rebuild_name,
    requested_format,
    resolve_names,
    with_literal_format,
)

__all__ = [
    "FIELDS",
    "OutputPattern",
    "PathKind",
    "PathLookup",
    "ResolvedName",
    "added_ending_note",
    "build_fields",
    "build_names",
    "check_output_ending",
    "check_output_inside",
    "check_variables",
    "check_variables_used",
    "folder_note",
    "mark_path",
    "number_path",
    "parse_output",
    "path_for_format",
    "rebuild_name",
    "requested_format",
    "resolve_names",
    "slugify",
    "with_literal_format",
]
