"""`imagecli config login`: a key, typed unseen or read from stdin, into the file that only its user can read."""

from __future__ import annotations

from imagecli.catalog import catalog
from imagecli.catalog.provider import ProviderRow
from imagecli.commands.confirm import hidden, piped
from imagecli.config import keys, system_keyring
from imagecli.config.keys import KEYRING, clean
from imagecli.config.settings import provider_of
from imagecli.config.sources import read_layers
from imagecli.domain import Secret
from imagecli.env import Env
from imagecli.errors import UsageError
from imagecli.output.settings import note


def keep_key(provider: str | None, env: Env, *, stdin: bool, keyring: bool) -> None:
    """Asks for the provider's key, or reads it, and keeps it. Raises UsageError, SettingsError, AuthenticationError."""
    layers = read_layers({"provider": provider}, env, catalog.load(), None)
    row = _wanting_key(layers.providers.row(*layers.said("provider") or (catalog.load().default_provider, "default")))
    secret = _secret(row, env, stdin=stdin)
    place = str(layers.folders.credentials)
    if keyring:
        system_keyring.store_key(row.name, secret, env)
        place = KEYRING
    keys.keep(layers.folders, row.name, None if keyring else secret)
    note(f"the key of {row.name} is kept in {place}", env)
    for variable in row.keys:
        if variable.env in env.environ:
            note(f"{variable.env} is set, and goes before it", env)


def drop_key(provider: str | None, env: Env) -> None:
    """Takes the provider's key out of where `keep_key` put it. Raises UsageError, SettingsError."""
    layers = read_layers({"provider": provider}, env, catalog.load(), None)
    # A provider that settings no longer name may still have a key.
    name = provider or provider_of(layers, catalog.load()).name
    stored = keys.forget(layers.folders, name)
    if stored == keys.IN_KEYRING:
        system_keyring.forget_key(name, env)
    if stored is None:
        raise UsageError(f"no key of {name} is kept in {layers.folders.credentials}", hint="imagecli config show")
    note(f"the key of {name} is removed", env)


def _wanting_key(row: ProviderRow) -> ProviderRow:
    if row.auth == "none":
        raise UsageError(f"provider {row.name} wants no key", hint=f'imagecli generate "a cat" --provider {row.name}')
    return row


def _secret(row: ProviderRow, env: Env, *, stdin: bool) -> Secret:
    if env.stdin.isatty():
        made = f" (made at {row.key_page})" if row.key_page else ""
        return clean(hidden(f"Key of {row.name}{made}, not shown: ", env), "what was typed")
    if not stdin:
        raise UsageError(
            "there is no terminal to ask for a key on", hint=f"imagecli config login {row.name} - < FILE reads it"
        )
    return clean(piped(env), "stdin")
