"""API keys: where they are looked for, stored and validated. The text of a key is never part of an error."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from imagecli.catalog.provider import ProviderRow
from imagecli.config import system_keyring
from imagecli.config.paths import Folders
from imagecli.config.toml_io import parse_toml, remove_toml_value, replace_file, set_toml_value
from imagecli.config.trusted_files import read_private_file
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import AuthenticationError

IN_KEYRING: Mapping[str, Any] = {"keyring": True}
"""The value in credentials.toml for a provider whose key is in the system's keyring."""


def read_credentials(folders: Folders) -> dict[str, Any]:
    """Provider → its key, or IN_KEYRING. Raises SettingsError if other users can read or change the file."""
    data = read_private_file(folders.credentials)
    return {} if data is None else parse_toml(data, folders.credentials)


def write_credential(folders: Folders, provider: str, key: Secret | None) -> None:
    """Store the provider's *key*; None if it is in the system's keyring. Raises SettingsError."""
    path = folders.credentials
    read_credentials(folders)
    text = (read_private_file(path) or b"").decode("utf-8-sig")
    value = dict(IN_KEYRING) if key is None else key.reveal()
    replace_file(path, set_toml_value(text, (provider,), value, path), mode=0o600)


def remove_credential(folders: Folders, provider: str) -> Any:
    """Remove the provider's key from the file, and return the old value, or None."""
    path = folders.credentials
    stored = read_credentials(folders).get(provider)
    text = remove_toml_value((read_private_file(path) or b"").decode("utf-8-sig"), (provider,), path)
    if text is not None:
        replace_file(path, text, mode=0o600)
    return stored


KEY_COMMAND_SECONDS = 60
KEYRING = "the system's keyring"


class Key(NamedTuple):
    """A provider's key, the kind of header it goes into, and where it was found."""

    secret: Secret
    auth: str
    origin: str


class KeySource(NamedTuple):
    """A place where a key is, or may be. No command runs and no keyring is asked before `read` is called."""

    origin: str
    auth: str
    is_certain: bool
    """Whether it is known to hold a key without reading it."""
    read: Callable[[], Any]
    """Returns the key, or None."""


def key_sources(
    row: ProviderRow,
    env: Env,
    folders: Folders,
    *,
    providers: Iterable[ProviderRow],
    command: Sequence[str] = (),
    keyring: bool = False,
) -> Iterator[KeySource]:
    """The sources of a provider's key in order: its variables, the credentials file, the keyring, the key command.

    The keyring is used only if `login` stored the key there, or with the setting *keyring*.
    The command does not see the keys of other *providers*.
    """
    for variable in row.keys:
        if text := env.environ.get(variable.env, "").strip():
            yield KeySource(origin=variable.env, auth=variable.auth, is_certain=True, read=lambda text=text: text)  # type: ignore[misc]
    stored = read_credentials(folders).get(row.name)
    if stored and stored != IN_KEYRING:
        yield KeySource(origin=str(folders.credentials), auth=row.auth, is_certain=True, read=lambda: stored)
    if keyring or stored == IN_KEYRING:
        read = lambda: system_keyring.read_keyring_key(row.name, env)  # noqa: E731
        yield KeySource(origin=KEYRING, auth=row.auth, is_certain=stored == IN_KEYRING, read=read)
    if command:
        environ = _environ_for(row, env, providers)
        read = lambda: _run_key_command(command, env, environ, folders)  # noqa: E731
        yield KeySource(origin="api_key_command", auth=row.auth, is_certain=True, read=read)


def find_key(
    row: ProviderRow,
    env: Env,
    folders: Folders,
    *,
    providers: Iterable[ProviderRow],
    command: Sequence[str] = (),
    keyring: bool = False,
) -> Key | None:
    """The provider's key from the first source that has one. Raises AuthenticationError if it is malformed."""
    for place in key_sources(row, env, folders, providers=providers, command=command, keyring=keyring):
        text = place.read()
        if text is None and place.is_certain:
            raise AuthenticationError(
                f"the key of {row.name} is no more in {place.origin}",
                hint=f"imagecli config login {row.name} --keyring, or imagecli config login {row.name}",
                code="no_key",
            )
        if text is not None:
            return Key(secret=clean_key(text, place.origin), auth=place.auth, origin=place.origin)
    return None


def clean_key(text: Any, origin: str) -> Secret:
    """*text* as a key, without surrounding white space. Raises AuthenticationError, which never quotes it."""
    if not isinstance(text, str) or not text.strip():
        raise AuthenticationError(
            f"the key in {origin} is empty or not text", hint="copy it again, whole", code="no_key"
        )
    key = text.strip()
    if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'`":
        raise AuthenticationError(
            f"the key in {origin} stands in quotes, which are no part of it",
            hint="copy it again, without quotes around it",
            code="bad_key",
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AuthenticationError(
            f"the key in {origin} holds a character that no key has (a line break, a space, a typographic quote?)",
            hint="copy it again, without quotes around it",
            code="bad_key",
        )
    return Secret(key)


def is_key_name(name: str) -> bool:
    """Whether a setting with such a name would hold a key."""
    return re.search(r"(^|_)(key|token|secret|password)s?$", name.lower()) is not None


def _run_key_command(command: Sequence[str], env: Env, environ: Mapping[str, str], folders: Folders) -> str:
    """The output of the user's key command, which runs without a shell. It is never printed.

    The current folder may be an untrusted clone: the program is not searched for there, and does not run there.
    """
    import subprocess

    place = folders.config.absolute()
    try:
        done = subprocess.run(
            [_program(command[0], env, folders), *command[1:]],
            cwd=place if place.is_dir() else place.anchor,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=KEY_COMMAND_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise AuthenticationError(
            f"api_key_command {command[0]!r} gave no key: {_key_command_reason(error)}",
            hint="run it by itself: it has to print the key, and nothing else",
            code="no_key",
        ) from None
    return done.stdout.decode("utf-8", "replace")


def _program(name: str, env: Env, folders: Folders) -> str:
    """The absolute path of a key command's program.

    Raises FileNotFoundError, or AuthenticationError for a relative path: what it names depends on the current folder.
    """
    import shutil

    if Path(name).is_absolute():
        return name
    if Path(name).name != name:
        raise AuthenticationError(
            f"api_key_command {name!r} is a relative path; expected the name of a program or an absolute path",
            hint=f"write the absolute path of the program into {folders.settings}",
            code="no_key",
        )
    for place in env.environ.get("PATH", os.defpath).split(os.pathsep):
        folder = Path(place)
        if folder.is_absolute() and not _is_current(folder) and (program := shutil.which(str(folder / name))):
            return program
    raise FileNotFoundError


def _is_current(folder: Path) -> bool:
    try:
        return folder.samefile(os.curdir)
    except OSError:
        return False


def _environ_for(row: ProviderRow, env: Env, providers: Iterable[ProviderRow]) -> dict[str, str]:
    """The environment of the provider's key command: without the variables that hold keys of other *providers*."""
    foreign: set[str] = set()
    for other in providers:
        named = (other.base_url_env, other.organization_env, other.project_env, *other.query_env.values())
        foreign |= {key.env for key in other.keys} | {name for name in named if name and is_key_name(name)}
    foreign -= {key.env for key in row.keys}
    return {name: value for name, value in env.environ.items() if name not in foreign}


def _key_command_reason(error: Exception) -> str:
    import subprocess

    match error:
        case subprocess.CalledProcessError():
            return f"it ended with exit code {error.returncode}"
        case subprocess.TimeoutExpired():
            return f"it took longer than {KEY_COMMAND_SECONDS} s"
        case FileNotFoundError():
            return "there is no such program"
        case OSError():
            return (error.strerror or type(error).__name__).lower()
    return type(error).__name__


def no_key_error(row: ProviderRow, folders: Folders) -> AuthenticationError:
    """An error for a missing key, with the ways to set one."""
    page = f" Keys are made at {row.key_page}." if row.key_page else ""
    variable = f"export {row.keys[0].env}=…; " if row.keys else ""
    return AuthenticationError(
        f"no key for provider {row.name}",
        hint=(
            f"set one: {variable}imagecli config login {row.name}, which keeps it in {folders.credentials}; or "
            f'api_key_command = ["op", "read", "…"] under [providers.{row.name}] in {folders.settings}.{page} '
            "--provider sandbox needs none."
        ),
        code="no_key",
    )
