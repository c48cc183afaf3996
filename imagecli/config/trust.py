"""Which project files the user trusted: by their resolved path and what they said then, so that a change asks anew."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from imagecli.config.folders import Folders
from imagecli.config.owners import check_state_folder, read_private_file
from imagecli.config.writing import replace_file
from imagecli.errors import SettingsError
from imagecli.quoting import quoted


def digest_of(data: bytes) -> str:
    """SHA-256 of a file's content, in hex."""
    return hashlib.sha256(data).hexdigest()


def trusted_digest(path: Path, folders: Folders) -> str | None:
    """What *path* held when it was trusted, as its digest; None where it never was."""
    return _all(folders).get(str(path.resolve()))


def remember(path: Path, digest: str | None, folders: Folders) -> None:
    """Trusts *path* as long as its content has *digest*; None trusts it no more. Raises SettingsError."""
    known = _all(folders)
    known.pop(str(path.resolve()), None)
    if digest:
        known[str(path.resolve())] = digest
    replace_file(folders.trusted, json.dumps(known, indent=1) + "\n", mode=0o600)


def _all(folders: Folders) -> dict[str, str]:
    """Path → digest. Raises SettingsError for a file that is none of ours, and for one that others can change."""
    check_state_folder(folders.state)
    data = read_private_file(folders.trusted)
    if data is None:
        return {}
    try:
        known = json.loads(data)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or not all(isinstance(digest, str) for digest in known.values()):
        raise SettingsError(
            f"{folders.trusted} is damaged", hint=f"rm {quoted(folders.trusted)}, then trust each project again"
        )
    return known
