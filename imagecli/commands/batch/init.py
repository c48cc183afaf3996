"""`--init`: writes a starter manifest and prints its path."""

from __future__ import annotations

from pathlib import Path

from imagecli.batch.manifest.read import Format
from imagecli.batch.manifest.starter import write_starter
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.output.terminal import DisplayOptions, print_note, printable_path, write_to_stdout
from imagecli.quoting import shell_quote


def init_manifest(argument: str, format: Format | None, display: DisplayOptions, env: Env) -> None:
    """Write a starter manifest to the path *argument*. Raises UsageError, DiskError."""
    if argument == "-":
        raise UsageError("--init can't write to stdout, expected a file name", hint="imagecli batch --init assets.toml")
    path = write_starter(Path(env.expand_home(argument)), format)
    if display.json:
        from imagecli.output.json_result import print_json_document

        print_json_document("batch", {"manifest": str(path)}, env)
    else:
        write_to_stdout(env, f"{printable_path(path, env.stdout)}\n".encode("utf-8", "surrogateescape"))
    if not display.quiet:
        print_note(f"preview it with imagecli batch {shell_quote(path)} --dry-run", env)
