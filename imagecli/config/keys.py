"""Keys: where a provider's key is looked for, and what is no key. A key's text is never part of an error."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imagecli.catalog import ProviderRow
from imagecli.config.layers import read_file
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import AuthenticationError, SettingsError

USER_FILE = "config.toml"
CREDENTIALS_FILE = "credentials.toml"
KEY_COMMAND_SECONDS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A provider's key, how it is shown to the server, and where it was found."""

    secret: Secret
    auth: str
    origin: str


def find_key(row: ProviderRow, env: Env, config_dir: Path, table: Mapping[str, Any]) -> Key | None:
    """The provider's key from its own variables, the credentials file, or the command that prints it."""
    for variable in row.keys:
        if text := env.environ.get(variable.env, "").strip():
            return Key(secret=_clean(text, variable.env), auth=variable.auth, origin=variable.env)
    credentials = config_dir / CREDENTIALS_FILE
    if stored := _credentials(credentials).get(row.name):
        return Key(secret=_clean(stored, str(credentials)), auth=row.auth, origin=str(credentials))
    if command := table.get("api_key_command"):
        return Key(secret=_clean(_run(command), "api_key_command"), auth=row.auth, origin="api_key_command")
    return None


def _credentials(path: Path) -> dict[str, str]:
    document = read_file(path)
    if document and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"{path} holds keys and can be read by others", hint=f"chmod 600 {path}")
    return document


def _clean(text: Any, origin: str) -> Secret:
    """The key without surrounding white space. Its text is never part of the error."""
    if not isinstance(text, str) or not text.strip():
        raise AuthenticationError(f"the key in {origin} is empty or not text", code="no_key")
    key = text.strip()
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise AuthenticationError(
            f"the key in {origin} holds a character that no key has (a line break, a space, a typographic quote?)",
            hint="copy it again, without quotes around it",
            code="bad_key",
        )
    return Secret(key)


def _run(command: Any) -> str:
    """What the user's key command prints. No shell; its output is never shown."""
    import subprocess

    if not isinstance(command, list) or not command or not all(isinstance(part, str) for part in command):
        raise SettingsError(
            "api_key_command must be a list of words", hint='for example ["op", "read", "op://vault/openai/key"]'
        )
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=KEY_COMMAND_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        kind = f"exit {error.returncode}" if isinstance(error, subprocess.CalledProcessError) else type(error).__name__
        raise AuthenticationError(f"api_key_command {command[0]!r} gave no key ({kind})", code="no_key") from error
    return done.stdout.decode("utf-8", "replace")


def no_key(row: ProviderRow, config_dir: Path) -> AuthenticationError:
    """The error of a missing key, with the ways to set one."""
    made = f"Keys are made at {row.key_page}. " if row.key_page else ""
    return AuthenticationError(
        f"no key for provider {row.name}",
        hint=(
            f'set one in one of three ways: export {row.keys[0].env}=…; a line {row.name} = "…" in '
            f'{config_dir / CREDENTIALS_FILE} (chmod 600); or api_key_command = ["op", "read", "…"] under '
            f"[providers.{row.name}] in {config_dir / USER_FILE}. {made}--provider sandbox needs none."
        ),
        code="no_key",
    )
