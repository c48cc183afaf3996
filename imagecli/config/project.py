"""A project's `imagecli.toml`: found, and kept from deciding where a key goes unless its folder is trusted.

Which project files the user trusted: by their resolved path and what they said then, so that a change asks anew.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagecli.config.owners import check_state_folder, read_private_file, read_project_file
from imagecli.config.paths import Folders
from imagecli.config.schema import SETTINGS
from imagecli.config.toml_io import parse_toml, replace_file
from imagecli.errors import SettingsError
from imagecli.quoting import shell_quote


def content_sha256(data: bytes) -> str:
    """SHA-256 of a file's content, in hex."""
    return hashlib.sha256(data).hexdigest()


def trusted_digest(path: Path, folders: Folders) -> str | None:
    """What *path* held when it was trusted, as its digest; None where it never was."""
    return _read_trusted(folders).get(str(path.resolve()))


def set_trusted(path: Path, digest: str | None, folders: Folders) -> None:
    """Trusts *path* as long as its content has *digest*; None trusts it no more. Raises SettingsError."""
    known = _read_trusted(folders)
    known.pop(str(path.resolve()), None)
    if digest:
        known[str(path.resolve())] = digest
    replace_file(folders.trusted_projects, json.dumps(known, indent=1) + "\n", mode=0o600)


def _read_trusted(folders: Folders) -> dict[str, str]:
    """Path → digest. Raises SettingsError for a file that is none of ours, and for one that others can change."""
    check_state_folder(folders.state)
    data = read_private_file(folders.trusted_projects)
    if data is None:
        return {}
    try:
        known = json.loads(data)
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or not all(isinstance(digest, str) for digest in known.values()):
        raise SettingsError(
            f"{folders.trusted_projects} is damaged",
            hint=f"rm {shell_quote(folders.trusted_projects)}, then trust each project again",
        )
    return known


PROJECT_FILE = "imagecli.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProjectFile:
    """The file as it was read once: what was judged is what is used."""

    path: Path
    digest: str
    document: Mapping[str, Any]
    note: str | None = None
    """That another user owns it, where it is used all the same."""

    def sensitive_names(self, free_providers: Collection[str]) -> tuple[str, ...]:
        """The names it sets that need trust: they decide where a key goes, or who gets the user's data and is paid.

        *free_providers* are those that any project file may choose.
        """
        return tuple(name for name, value in self.document.items() if _is_delicate(name, value, free_providers))


def nearest_project(folder: Path) -> Path | None:
    """The nearest project file from *folder* up to the repository's root."""
    for place in (folder, *folder.parents):
        # Whatever has the name counts: a link that leads nowhere, or a pipe, is refused and not passed over.
        if os.path.lexists(place / PROJECT_FILE):
            return place / PROJECT_FILE
        if os.path.lexists(place / ".git"):
            break
    return None


def find_project(folder: Path, *, in_ci: bool = False) -> ProjectFile | None:
    """The nearest project file, read. Raises SettingsError, also for one that another user put there."""
    path = nearest_project(folder)
    found = read_project_file(path, folder, in_ci=in_ci) if path else None
    if path is None or found is None:
        return None
    data, note = found
    return ProjectFile(path=path, digest=content_sha256(data), document=parse_toml(data, path), note=note)


def _is_delicate(name: str, value: object, free_providers: Collection[str]) -> bool:
    if name == "provider":
        return isinstance(value, str) and value not in free_providers
    return name == "providers" or (name in SETTINGS and not SETTINGS[name].in_project)


def check_trusted(project: ProjectFile, folders: Folders, free_providers: Collection[str]) -> None:
    """Returns where the file sets nothing delicate, or was trusted as it is. Raises SettingsError."""
    delicate = project.sensitive_names(free_providers)
    if not delicate:
        return
    known = trusted_digest(project.path, folders)
    if known == project.digest:
        return
    names = ", ".join(delicate)
    if known:
        said = f"{project.path} sets {names}, and has changed since it was trusted"
    elif delicate == ("provider",):
        said = (
            f"{project.path} chooses provider {project.document['provider']}, which is not your own: "
            "it decides who gets your prompts and pictures, and which account pays"
        )
    else:
        said = f"{project.path} sets {names}, which a project's file may not: it decides where the key goes"
    raise SettingsError(
        said,
        hint=f"read it, then imagecli config trust {shell_quote(project.path.parent)}; or remove it there, and set it "
        "in your own settings, by a variable or by a flag",
        code="untrusted",
    )
