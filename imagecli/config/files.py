"""Reads and replaces files of settings, keys and projects, and parses their TOML.

They are read only if their owner and permissions are right, and only regular files of at most 1 MB are; opening them
never blocks. They are replaced atomically.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from imagecli.errors import SettingsError, os_error_reason
from imagecli.safe_open import (
    UnsafeFileError,
    check_link_owner,
    check_private_folder,
    make_missing_folders,
    read_regular,
)
from imagecli.suggestions import unknown_name_hint
from imagecli.text_encoding import find_text_problem

MAX_BYTES: Final = 1_000_000

ROOT: Final = 0
"""Root's user id. Root can replace every file anyway."""

_REPLACE: Final = "replace it with a copy of your own if you trust its content, or remove it"


# --- the user's own files ---------------------------------------------------------------------------------------------


def read_user_file(path: Path) -> bytes | None:
    """The content of config.toml or models.toml; None if there is no such file. Raises SettingsError.

    The user or root must own it, and it must not be writable by everyone. It may be writable by a group: it holds no
    secret, and with the umask 002 of many systems, where each user has a group of their own, every new file is.
    It may be a link, as dotfile managers make them.
    """
    return _read_own(path, owned_by_root=True, forbidden_mode=stat.S_IWOTH)


def read_private_file(path: Path) -> bytes | None:
    """The content of credentials.toml or trusted.json; None if there is no such file. Raises SettingsError.

    The user must own it, and no one else may read or change it. It may be a link, too.
    """
    return _read_own(path, owned_by_root=False, forbidden_mode=stat.S_IRWXG | stat.S_IRWXO)


def check_state_folder_owner(folder: Path) -> None:
    """Raise SettingsError if others could replace what is in the state folder. A missing folder is fine."""
    try:
        check_private_folder(folder)
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise _refusal(folder, error, "set IMAGECLI_STATE_DIR to a folder of your own") from error


def _read_own(path: Path, *, owned_by_root: bool, forbidden_mode: int) -> bytes | None:
    try:
        owners = _own_ids(path)
        if owners is not None:
            # Whoever makes the link chooses which of the user's files is read.
            check_link_owner(path, owners | {ROOT})
            owners |= {ROOT} if owned_by_root else set()
        target = Path(os.path.realpath(path))
        return read_regular(target, MAX_BYTES, owners=owners, forbidden_mode=forbidden_mode)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise _refusal(path, error, _REPLACE) from error


def _own_ids(path: Path) -> set[int] | None:
    """The user ids that count as the user's for *path*; None on Windows, which has none.

    For root, the owner of the folder is one of them: a container that runs as root has its user's folder mounted, and
    some `sudo` keep HOME. No one else can give root a folder of settings.
    """
    if os.name == "nt":
        return None
    user = os.geteuid()
    return {user, path.parent.stat().st_uid} if user == ROOT else {user}


# --- a project's file -------------------------------------------------------------------------------------------------


def read_project_file(path: Path, folder: Path, *, in_ci: bool) -> tuple[bytes, str | None] | None:
    """The content of a project's file found for *folder*, and a note if another user owns it; None if it is gone.

    The user, root or the owner of *folder* must own it, and it must not be writable by everyone. As root and in CI,
    the owner of the file's own folder will do. A link must lead to a file in the same repository.
    Raises SettingsError.
    """
    try:
        target = _target_in_repository(path)
        owners, note = None, None
        if os.name != "nt":
            user = os.geteuid()
            relaxed = in_ci or user == ROOT
            # A container of CI runs as root, or as a user of its own, on files that another one checked out. In a
            # folder that is open to all, as /tmp is, the owner of a file is still not the owner of the folder.
            owners = {user, ROOT, folder.stat().st_uid} | ({path.parent.stat().st_uid} if relaxed else set())
            check_link_owner(path, owners)
            if relaxed and (owner := target.stat().st_uid) not in (user, ROOT):
                reason = "it runs as root" if user == ROOT else "CI is set"
                note = f"{path} belongs to another user (uid {owner}); imagecli uses it because {reason}"
        # GitLab's runner checks out with umask 000, so in CI the mode is meaningless.
        forbidden_mode = 0 if in_ci else stat.S_IWOTH
        return read_regular(target, MAX_BYTES, owners=owners, forbidden_mode=forbidden_mode), note
    except FileNotFoundError as error:
        if not path.is_symlink():
            return None
        raise _refusal(path, UnsafeFileError(path, "it is a broken link"), "remove it") from error
    except OSError as error:
        raise _refusal(path, error, _project_hint(path, folder)) from error


def _target_in_repository(path: Path) -> Path:
    """What *path* leads to. Raises UnsafeFileError if that is outside the repository, or without one, the folder."""
    if not path.is_symlink():
        return path
    root = next((place for place in path.parents if os.path.lexists(place / ".git")), path.parent)
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(os.path.realpath(root)):
        raise UnsafeFileError(path, f"it is a link to a file outside {root}")
    return target


def _project_hint(path: Path, folder: Path) -> str:
    return (
        _REPLACE
        if path.parent == folder
        else f"{_REPLACE}; or run git init here, so that imagecli doesn't search parent folders"
    )


def _refusal(path: Path, error: OSError, hint: str) -> SettingsError:
    if isinstance(error, UnsafeFileError):
        return SettingsError(
            f"refusing to use {path}: {os_error_reason(error)}", hint=error.hint or hint, code="unsafe_file"
        )
    return SettingsError(f"can't read {path}: {os_error_reason(error)}")


# --- their TOML -------------------------------------------------------------------------------------------------------


def read_toml_file(path: Path) -> dict[str, Any]:
    """The tables of a TOML file of the user's; empty if there is no such file.

    Raises SettingsError with line and column, and for a file that is not safe to use because of its owner or mode.
    """
    data = read_user_file(path)
    return {} if data is None else parse_toml(data, path)


def parse_toml(data: bytes, path: Path) -> dict[str, Any]:
    """The tables of *data*, the content of *path*. Errors quote nothing of it, because it may be a key."""
    if problem := find_text_problem(data):
        raise SettingsError(
            f"can't read {path}: not UTF-8 at byte {problem.position}: {problem.message}", hint=problem.hint
        )
    # Imported here, as most users have no such file.
    import tomllib

    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not valid TOML: {error}", hint="fix that line, or remove the file") from None
    except ValueError:
        # Python parses no number of more than 4300 digits, and tomllib passes on Python's own message.
        raise SettingsError(
            f"can't read {path}: a number has too many digits", hint="shorten the number, or remove the file"
        ) from None
    except RecursionError:
        raise SettingsError(f"{path} is not valid TOML: nested too deeply", hint="fix it, or remove the file") from None


def unknown_name_error(
    kind: str, name: str, path: Path, names: Collection[str], *, hint: str | None = None
) -> SettingsError:
    """An error for the *name* of a *kind* that does not exist; the default *hint* is the similar one of *names*."""
    return SettingsError(f"{path}: unknown {kind} {name!r}", hint=hint or unknown_name_hint(name, names))


# --- changes ----------------------------------------------------------------------------------------------------------


def replace_file(path: Path, text: str, *, mode: int | None = None) -> None:
    """Writes *path* atomically, by renaming a private file beside it. If *path* is a link, its target is replaced.

    If *mode* is None, the file keeps its mode. Raises SettingsError, and leaves the old content.
    """
    import secrets

    try:
        target = path.resolve()
        make_missing_folders(target.parent)
        if mode is None:
            mode = target.stat().st_mode & 0o777 if target.exists() else 0o600
        temporary = target.parent / f".imagecli-{secrets.token_hex(8)}.part"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text.encode())
                file.flush()
                os.fsync(file.fileno())
            if mode != 0o600:
                temporary.chmod(mode)
            temporary.replace(target)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise SettingsError(
            f"can't write {path}: {os_error_reason(error)}",
            hint="make it writable, or set IMAGECLI_CONFIG_DIR to another folder",
        ) from error
