"""API keys: finds, stores and validates them. The text of a key is never part of an error."""

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, NamedTuple

from imagecli.catalog.provider import ProviderRow
from imagecli.config.files import parse_toml, read_private_file, replace_file
from imagecli.config.paths import Folders
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import AuthenticationError, SettingsError, os_error_reason

IN_KEYRING: Mapping[str, Any] = {"keyring": True}
"""The value in credentials.toml for a provider whose key is in the system keyring."""


def read_credentials(folders: Folders) -> dict[str, Any]:
    """Provider → its key, or IN_KEYRING. Raises SettingsError if other users can read or change the file."""
    data = read_private_file(folders.credentials)
    return {} if data is None else parse_toml(data, folders.credentials)


def write_credential(folders: Folders, provider: str, key: Secret | None) -> None:
    """Store the provider's *key*; None if it is in the system keyring. Raises SettingsError."""
    from imagecli.config.toml_edit import set_toml_value

    path = folders.credentials
    read_credentials(folders)
    text = (read_private_file(path) or b"").decode("utf-8-sig")
    value = dict(IN_KEYRING) if key is None else key.reveal()
    replace_file(path, set_toml_value(text, (provider,), value, path), mode=0o600)


def remove_credential(folders: Folders, provider: str) -> Any:
    """Remove the provider's key from the file, and return the old value, or None."""
    from imagecli.config.toml_edit import remove_toml_value

    path = folders.credentials
    stored = read_credentials(folders).get(provider)
    text = remove_toml_value((read_private_file(path) or b"").decode("utf-8-sig"), (provider,), path)
    if text is not None:
        replace_file(path, text, mode=0o600)
    return stored


KEY_COMMAND_SECONDS = 60
KEYRING = "the system keyring"


class Key(NamedTuple):
    """A provider's key, the kind of header it goes into, and where it was found."""

    secret: Secret
    auth: str
    origin: str


class KeySource(NamedTuple):
    """A place where a key is, or may be. It is not read yet: no command has run, and no keyring was accessed."""

    kind: Literal["variable", "file", "keyring", "command"]
    origin: str
    auth: str
    is_certain: bool
    """Whether it is known to hold a key without reading it."""


def key_sources(
    row: ProviderRow,
    env: Env,
    folders: Folders,
    *,
    has_command: bool,
    keyring: bool = False,
) -> Iterator[KeySource]:
    """The sources of a provider's key in order: its variables, the credentials file, the keyring, the key command.

    The keyring is used only if `login` stored the key there, or with the setting *keyring*.
    """
    for variable in row.keys:
        if env.environ.get(variable.env, "").strip():
            yield KeySource(kind="variable", origin=variable.env, auth=variable.auth, is_certain=True)
    entry = read_credentials(folders).get(row.name)
    if entry and entry != IN_KEYRING:
        yield KeySource(kind="file", origin=str(folders.credentials), auth=row.auth, is_certain=True)
    if keyring or entry == IN_KEYRING:
        yield KeySource(kind="keyring", origin=KEYRING, auth=row.auth, is_certain=entry == IN_KEYRING)
    if has_command:
        yield KeySource(kind="command", origin="api_key_command", auth=row.auth, is_certain=True)


def find_key(
    row: ProviderRow,
    env: Env,
    folders: Folders,
    *,
    providers: Iterable[ProviderRow],
    command: Sequence[str] = (),
    keyring: bool = False,
) -> Key | None:
    """The provider's key from the first source that has one. Raises AuthenticationError if it is malformed.

    The *command* does not see the keys of other *providers*.
    """
    for source in key_sources(row, env, folders, has_command=bool(command), keyring=keyring):
        text: Any
        match source.kind:
            case "variable":
                text = env.environ[source.origin]
            case "file":
                text = read_credentials(folders).get(row.name)
            case "keyring":
                text = read_keyring_key(row.name, env)
            case "command":
                text = _run_key_command(command, env, _environ_for(row, env, providers), folders)
        if text is None and source.is_certain:
            raise AuthenticationError(
                f"the key of {row.name} is no longer in {source.origin}",
                hint=f"store it again: imagecli login {row.name} --keyring",
                code="no_key",
            )
        if text is not None:
            return Key(secret=clean_key(text, source.origin), auth=source.auth, origin=source.origin)
    return None


def clean_key(text: Any, origin: str) -> Secret:
    """*text* as a key, without surrounding white space. Raises AuthenticationError, which never quotes it."""
    if not isinstance(text, str) or not text.strip():
        raise AuthenticationError(
            f"the key in {origin} is empty or not text", hint="copy the complete key again", code="no_key"
        )
    key = text.strip()
    if len(key) > 1 and key[0] == key[-1] and key[0] in "\"'`":
        raise AuthenticationError(
            f"the key in {origin} is wrapped in quotes",
            hint="remove the quotes",
            code="bad_key",
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AuthenticationError(
            f"the key in {origin} contains an invalid character, such as a line break, a space or a curly quote",
            hint="copy the key again, without quotes",
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

    folder = folders.config.absolute()
    try:
        process = subprocess.run(
            [_program(command[0], env, folders), *command[1:]],
            cwd=folder if folder.is_dir() else folder.anchor,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=KEY_COMMAND_SECONDS,
            check=True,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise AuthenticationError(
            f"api_key_command {command[0]!r} failed: {_key_command_reason(error)}",
            hint="run it yourself: it must print the key and nothing else",
            code="no_key",
        ) from None
    return process.stdout.decode("utf-8", "replace")


def _program(name: str, env: Env, folders: Folders) -> str:
    """The absolute path of a key command's program.

    Raises FileNotFoundError, or AuthenticationError for a relative path.
    """
    from imagecli.config.find_program import find_program

    if program := find_program(name, env):
        return program
    if Path(name).name != name:
        raise AuthenticationError(
            f"api_key_command {name!r} is a relative path; expected the name of a program or an absolute path",
            hint=f"set it to the program's absolute path in {folders.settings}",
            code="no_key",
        )
    raise FileNotFoundError


def _environ_for(row: ProviderRow, env: Env, providers: Iterable[ProviderRow]) -> dict[str, str]:
    """The environment of the provider's key command: without the variables that hold keys of other *providers*."""
    foreign: set[str] = set()
    for provider in providers:
        names = (provider.base_url_env, provider.organization_env, provider.project_env, *provider.query_env.values())
        foreign |= {key.env for key in provider.keys} | {name for name in names if name and is_key_name(name)}
    foreign -= {key.env for key in row.keys}
    return {name: value for name, value in env.environ.items() if name not in foreign}


def _key_command_reason(error: Exception) -> str:
    import subprocess

    match error:
        case subprocess.CalledProcessError():
            return f"exit code {error.returncode}"
        case subprocess.TimeoutExpired():
            return f"timed out after {KEY_COMMAND_SECONDS} s"
        case FileNotFoundError():
            return "program not found"
        case OSError():
            return os_error_reason(error)
    return type(error).__name__


# --- the system keyring -----------------------------------------------------------------------------------------------
#
# A child process accesses it: it can be ended if the keyring waits for the user, it has no terminal on
# which the keyring could ask for a password, and it keeps slow imports out of this process. The key goes through
# pipes, never through argv. The extra `keyring` has to be installed.

KEYRING_SERVICE = "imagecli"
KEYRING_SECONDS = 60
"""A desktop may ask the user to unlock the keyring."""

_READ = "import keyring, sys; sys.stdout.write(keyring.get_password(*sys.argv[1:3]) or '')"
_STORE = "import keyring, sys; keyring.set_password(*sys.argv[1:3], sys.stdin.read())"
_FORGET = "import keyring, sys; keyring.get_password(*sys.argv[1:3]) and keyring.delete_password(*sys.argv[1:3])"


def read_keyring_key(provider: str, env: Env) -> str | None:
    """The provider's key; None if the keyring has none. Raises SettingsError if there is no keyring."""
    return _ask_keyring(_READ, provider, env) or None


def write_keyring_key(provider: str, key: Secret, env: Env) -> None:
    """Store the key, and read it back: some keyrings store nothing without an error. Raises SettingsError."""
    _ask_keyring(_STORE, provider, env, key.reveal())
    if read_keyring_key(provider, env) != key.reveal():
        raise SettingsError("the system keyring did not store the key", hint=_HINT)


def remove_keyring_key(provider: str, env: Env) -> None:
    _ask_keyring(_FORGET, provider, env)


_HINT = "without --keyring, imagecli login stores the key in a file that only you can read"


def _ask_keyring(program: str, provider: str, env: Env, text: str = "") -> str:
    if find_spec("keyring") is None:
        from imagecli.installation import command_to_add

        raise SettingsError("keyring is not installed", hint=f"{command_to_add('keyring')}; or {_HINT}")
    import subprocess

    try:
        process = subprocess.run(
            # -P: don't import a keyring.py of the current folder.
            [sys.executable, "-P", "-c", program, KEYRING_SERVICE, provider],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=KEYRING_SECONDS,
            env=dict(env.environ),
            start_new_session=os.name == "posix",
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(f"the system keyring did not respond within {KEYRING_SECONDS} s", hint=_HINT) from None
    except OSError as error:
        raise SettingsError(f"can't use the system keyring: {os_error_reason(error)}", hint=_HINT) from error
    if process.returncode:
        raise SettingsError(f"can't use the system keyring: {_error_name(process.stderr)}", hint=_HINT)
    return process.stdout


def _error_name(trace: str) -> str:
    """The name of the error at the end of a traceback; its message may contain secrets."""
    lines = trace.strip().splitlines() or [""]
    return lines[-1].partition(":")[0].rpartition(".")[2] or "unknown error"
