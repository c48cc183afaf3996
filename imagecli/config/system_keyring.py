"""The system's keyring, if the extra `keyring` is installed. A child process accesses it.

A child can be ended if the keyring waits for a user who is absent, it has no terminal on which the keyring could ask
for a password, and it keeps slow imports out of this process. The key goes through pipes, never through argv.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import SettingsError

SERVICE = "imagecli"
SECONDS = 60
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
        raise SettingsError("the system's keyring does not keep what it is given", hint=_HINT)


def remove_keyring_key(provider: str, env: Env) -> None:
    _ask_keyring(_FORGET, provider, env)


_HINT = "imagecli config login keeps the key in a file that only you can read"


def _ask_keyring(program: str, provider: str, env: Env, text: str = "") -> str:
    if find_spec("keyring") is None:
        raise SettingsError("keyring is not installed", hint=f"pip install 'imagecli[keyring]'; or {_HINT}")
    import subprocess

    try:
        process = subprocess.run(
            # -P: don't import a keyring.py of the current folder.
            [sys.executable, "-P", "-c", program, SERVICE, provider],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=SECONDS,
            env=dict(env.environ),
            start_new_session=os.name == "posix",
        )
    except subprocess.TimeoutExpired:
        raise SettingsError(f"the system's keyring did not answer within {SECONDS} s", hint=_HINT) from None
    except OSError as error:
        raise SettingsError(f"the system's keyring can't be asked: {error.strerror}", hint=_HINT) from error
    if process.returncode:
        raise SettingsError(f"the system's keyring can't be used: {_error_name(process.stderr)}", hint=_HINT)
    return process.stdout


def _error_name(trace: str) -> str:
    """The name of the error at the end of a traceback; its message may contain secrets."""
    lines = trace.strip().splitlines() or [""]
    return lines[-1].partition(":")[0].rpartition(".")[2] or "it failed"
