"""Decides where every picture goes, before anything is paid for. Pure: the disk is asked through *look*.

`parse_output` reads `-o`, `build_fields` says what names are made of, `plan` gives the names, and when a picture has
come `path_for` gives its path.
"""

from imagecli.naming.filenames import marked, numbered, slug
from imagecli.naming.output import (
    FIELDS,
    Look,
    Output,
    Place,
    added_ending,
    braces_in,
    build_fields,
    check_ending,
    check_inside,
    check_used,
    check_variables,
    parse_output,
)
from imagecli.naming.resolve import Planned, asked_format, build_names, path_for, plan, rebuild_name

__all__ = [
    "FIELDS",
    "Look",
    "Output",
    "Place",
    "Planned",
    "added_ending",
    "asked_format",
    "braces_in",
    "build_fields",
    "build_names",
    "check_ending",
    "check_inside",
    "check_used",
    "check_variables",
    "marked",
    "numbered",
    "parse_output",
    "path_for",
    "plan",
    "rebuild_name",
    "slug",
]
