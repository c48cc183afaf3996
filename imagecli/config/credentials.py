"""The file of keys: one line a provider, readable by the user alone, never through a wider moment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imagecli.config.folders import Folders
from imagecli.config.owners import read_private_file
from imagecli.config.toml_file import parsed
from imagecli.config.writing import replace_file, with_value, without
from imagecli.domain import Secret

IN_KEYRING: Mapping[str, Any] = {"keyring": True}
"""What stands in a key's place where it was given to the system's keyring."""


def credentials(folders: Folders) -> dict[str, Any]:
    """Provider → its key, or IN_KEYRING. Raises SettingsError where others can read or change it."""
    data = read_private_file(folders.credentials)
    return {} if data is None else parsed(data, folders.credentials)


def keep(folders: Folders, provider: str, key: Secret | None) -> None:
    """Writes the provider's line: its *key*, or that the system's keyring has it. Raises SettingsError."""
    path = folders.credentials
    credentials(folders)
    text = (read_private_file(path) or b"").decode("utf-8-sig")
    value = dict(IN_KEYRING) if key is None else key.reveal()
    replace_file(path, with_value(text, (provider,), value, path), mode=0o600)


def forget(folders: Folders, provider: str) -> Any:
    """Takes the provider's line out, and returns what stood there; None where nothing did."""
    path = folders.credentials
    found = credentials(folders).get(provider)
    text = without((read_private_file(path) or b"").decode("utf-8-sig"), (provider,), path)
    if text is not None:
        replace_file(path, text, mode=0o600)
    return found
