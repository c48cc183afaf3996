"""`imagecli config login`: stores a key, typed without echo or read from stdin, in a private file or the keyring."""

from __future__ import annotations

from imagecli.catalog import catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.commands.terminal_input import prompt_hidden, read_stdin_text
from imagecli.config import api_keys
from imagecli.config.api_keys import KEYRING, clean_key
from imagecli.config.settings import effective_provider
from imagecli.config.sources import SettingFlags, read_settings_sources
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.output.terminal import print_note


def store_typed_key(provider: str | None, env: Env, *, stdin: bool, keyring: bool) -> None:
    """Read the provider's key and store it. Raises UsageError, SettingsError, AuthenticationError."""
    sources = read_settings_sources(SettingFlags(provider=provider), env, catalog.load_shipped_catalog(), None)
    row = effective_provider(sources, catalog.load_shipped_catalog())
    if row.auth == "none":
        raise UsageError(f"provider {row.name} wants no key", hint=f'imagecli generate "a cat" --provider {row.name}')
    secret = _read_secret(row, env, stdin=stdin)
    place = str(sources.folders.credentials)
    if keyring:
        api_keys.write_keyring_key(row.name, secret, env)
        place = KEYRING
    api_keys.write_credential(sources.folders, row.name, None if keyring else secret)
    print_note(f"the key of {row.name} is kept in {place}", env)
    for variable in row.keys:
        if variable.env in env.environ:
            print_note(f"{variable.env} is set, and goes before it", env)


def remove_key(provider: str | None, env: Env) -> None:
    """Remove the key that `store_typed_key` stored. Raises UsageError, SettingsError."""
    sources = read_settings_sources(SettingFlags(provider=provider), env, catalog.load_shipped_catalog(), None)
    # A provider that settings no longer name may still have a key.
    name = provider or effective_provider(sources, catalog.load_shipped_catalog()).name
    entry = api_keys.remove_credential(sources.folders, name)
    if entry == api_keys.IN_KEYRING:
        api_keys.remove_keyring_key(name, env)
    if entry is None:
        raise UsageError(f"no key of {name} is kept in {sources.folders.credentials}", hint="imagecli config show")
    print_note(f"the key of {name} is removed", env)


def _read_secret(row: ProviderRow, env: Env, *, stdin: bool) -> Secret:
    if env.stdin.isatty():
        page = f" (made at {row.key_page})" if row.key_page else ""
        return clean_key(prompt_hidden(f"Key of {row.name}{page}, not shown: ", env), "what was typed")
    if not stdin:
        raise UsageError(
            "there is no terminal to ask for a key on", hint=f"imagecli config login {row.name} - < FILE reads it"
        )
    return clean_key(read_stdin_text(env), "stdin")
