"""Stores a key, typed without echo or read from stdin, in a private file or the keyring; and removes it."""

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
from imagecli.output.terminal import print_note, sanitize, write_line
from imagecli.suggestions import unknown_name_hint


def store_typed_key(provider: str | None, source: str | None, env: Env, *, stdin: bool, keyring: bool) -> None:
    """Read the provider's key and store it; *source* or *provider* is `-` if it is on stdin.

    Raises UsageError, SettingsError, AuthenticationError.
    """
    if provider == "-" and source is None:
        provider, source = None, "-"
    if source not in (None, "-") or _looks_like_key(provider or ""):
        raise UsageError(
            "a key on the command line is visible to every process",
            hint="use imagecli login, and delete this line from your shell's history",
        )
    shipped = catalog.load_shipped_catalog()
    sources = read_settings_sources(SettingFlags(provider=provider), env, shipped, None)
    if provider and provider not in sources.providers.rows:
        raise UsageError(f"unknown provider {provider!r}", hint=unknown_name_hint(provider, sources.providers.rows))
    row = effective_provider(sources, shipped)
    if row.auth == "none":
        example = f'imagecli generate "a cat" --provider {row.name}'
        hint = example if provider else f"name the provider: imagecli login {shipped.default_provider}"
        raise UsageError(f"provider {row.name} needs no key", hint=hint)
    secret = _read_secret(row, env, stdin=stdin or source == "-")
    place = str(sources.folders.credentials)
    if keyring:
        api_keys.write_keyring_key(row.name, secret, env)
        place = KEYRING
    api_keys.write_credential(sources.folders, row.name, None if keyring else secret)
    print_note(f"stored the {row.name} key in {place}", env)
    for variable in row.keys:
        if variable.env in env.environ:
            print_note(f"{variable.env} is set and overrides it", env)


def remove_key(provider: str | None, env: Env) -> None:
    """Remove the key that `store_typed_key` stored. Raises UsageError, SettingsError."""
    sources = read_settings_sources(SettingFlags(provider=provider), env, catalog.load_shipped_catalog(), None)
    # A provider that settings no longer name may still have a key.
    name = provider or effective_provider(sources, catalog.load_shipped_catalog()).name
    entry = api_keys.remove_credential(sources.folders, name)
    if entry == api_keys.IN_KEYRING:
        api_keys.remove_keyring_key(name, env)
    if entry is None:
        raise UsageError(f"no {name} key in {sources.folders.credentials}", hint="imagecli config list --origin")
    print_note(f"removed the {name} key", env)


def _looks_like_key(word: str) -> bool:
    """Whether a word in place of a provider's name is a key. It must not be printed as an unknown provider."""
    return word.startswith("sk-") or len(word) > 30


def _read_secret(row: ProviderRow, env: Env, *, stdin: bool) -> Secret:
    if env.stdin.isatty():
        name = row.title or row.name
        if row.key_page:
            write_line(env.stderr, sanitize(f"Create a key at {row.key_page}"))
        return clean_key(prompt_hidden(f"Paste your {name} API key (hidden): ", env), "the input")
    if not stdin:
        raise UsageError(
            "can't prompt for a key: stdin is not a terminal",
            hint=f"imagecli login {row.name} - < FILE",
        )
    return clean_key(read_stdin_text(env), "stdin")
