"""A project's `imagecli.toml`: finding it, and the user's trust, without which it can't decide where a key is sent.

Trust is stored by the file's resolved path and the hash of its content, so that a change has to be trusted again.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.config.files import (
    check_state_folder_owner,
    parse_toml,
    read_private_file,
    read_project_file,
    replace_file,
)
from imagecli.config.paths import Folders
from imagecli.config.schema import SETTINGS
from imagecli.errors import SettingsError
from imagecli.quoting import shell_quote

PROJECT_FILE = "imagecli.toml"


def trusted_digest(path: Path, folders: Folders) -> str | None:
    """The digest of *path* when it was trusted; None if it never was."""
    return _read_trusted(folders).get(str(path.resolve()))


def set_trusted(path: Path, digest: str | None, folders: Folders) -> None:
    """Trust *path* as long as its content has *digest*; None revokes the trust. Raises SettingsError."""
    digests = _read_trusted(folders)
    digests.pop(str(path.resolve()), None)
    if digest:
        digests[str(path.resolve())] = digest
    replace_file(folders.trusted_projects, json.dumps(digests, indent=1) + "\n", mode=0o600)


def _read_trusted(folders: Folders) -> dict[str, str]:
    """Path → digest. Raises SettingsError if the file is damaged, or if other users can change it."""
    check_state_folder_owner(folders.state)
    data = read_private_file(folders.trusted_projects)
    if data is None:
        return {}
    try:
        digests = json.loads(data)
    except (ValueError, RecursionError):
        digests = None
    if not isinstance(digests, dict) or not all(isinstance(digest, str) for digest in digests.values()):
        raise SettingsError(
            f"{folders.trusted_projects} is damaged",
            hint=f"rm {shell_quote(folders.trusted_projects)}, then run imagecli config trust in each project",
        )
    return digests


class ProjectFile(NamedTuple):
    """The file, read once, so that the content that was checked is the content that is used."""

    path: Path
    digest: str
    document: Mapping[str, Any]
    note: str | None = None
    """A note if another user owns it and it is used nevertheless."""

    def sensitive_names(self, free_providers: Collection[str]) -> tuple[str, ...]:
        """The names it sets that need trust: they decide where a key is sent, or who gets the user's data and is paid.

        *free_providers* are those that any project file may choose.
        """
        return tuple(name for name, value in self.document.items() if _is_sensitive(name, value, free_providers))


def nearest_project(folder: Path) -> Path | None:
    """The nearest project file from *folder* up to the repository's root."""
    for place in (folder, *folder.parents):
        # Anything with that name counts: a broken link or a pipe is refused and not skipped.
        if os.path.lexists(place / PROJECT_FILE):
            return place / PROJECT_FILE
        if os.path.lexists(place / ".git"):
            break
    return None


def find_project(folder: Path, *, in_ci: bool = False) -> ProjectFile | None:
    """Read the nearest project file. Raises SettingsError, also if another user owns it."""
    path = nearest_project(folder)
    content = read_project_file(path, folder, in_ci=in_ci) if path else None
    if path is None or content is None:
        return None
    data, note = content
    digest = hashlib.sha256(data).hexdigest()
    return ProjectFile(path=path, digest=digest, document=parse_toml(data, path), note=note)


def _is_sensitive(name: str, value: object, free_providers: Collection[str]) -> bool:
    if name == "provider":
        return isinstance(value, str) and value not in free_providers
    return name == "providers" or (name in SETTINGS and not SETTINGS[name].in_project)


def check_trusted(project: ProjectFile, folders: Folders, free_providers: Collection[str]) -> None:
    """Raise SettingsError if the file sets names that need trust, and its present content is not trusted."""
    sensitive = project.sensitive_names(free_providers)
    if not sensitive:
        return
    digest = trusted_digest(project.path, folders)
    if digest == project.digest:
        return
    names = ", ".join(sensitive)
    if digest:
        message = f"{project.path} sets {names} and has changed since you trusted it"
    elif sensitive == ("provider",):
        message = (
            f"{project.path} sets provider {project.document['provider']}, which is not yours; "
            "it would receive your prompts and images and charge your account there"
        )
    else:
        message = f"{project.path} sets {names}, which decides where your API key is sent"
    raise SettingsError(
        message,
        hint=f"read the file, then run imagecli config trust {shell_quote(project.path.parent)}, or remove the line",
        code="untrusted",
    )
