"""The manifest that a word of the command line names."""

from __future__ import annotations

from pathlib import Path

from imagecli.batch.manifest.reading import MAX_BYTES, Format, Manifest, read_manifest, read_piped
from imagecli.env import Env
from imagecli.errors import UsageError


def read(word: str, format: Format | None, env: Env) -> Manifest:
    """The manifest at *word*; `-` is stdin. Raises UsageError, ManifestError."""
    if word != "-":
        return read_manifest(Path(word), format)
    if env.stdin.isatty():
        raise UsageError("- reads the manifest from stdin, and stdin is this terminal", hint="pipe something in")
    try:
        data = env.stdin.buffer.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"stdin can't be read: {error.strerror}", hint="pipe something in, or name a file") from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"stdin brings more than {MAX_BYTES // 1024**2} MB", hint="make several manifests of it")
    return read_piped(data, format)
