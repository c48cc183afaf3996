"""`imagecli login`: stores a provider's key."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups

# `logout` and the hidden `config login` have them too.
ProviderName = Annotated[
    str | None,
    typer.Argument(
        metavar="PROVIDER",
        help="provider of the key  [default: the one in your settings]",
        autocompletion=completers.complete_providers,
    ),
]
KeyOnStdin = Annotated[str | None, typer.Argument(metavar="-", help="read the key from stdin")]
StdinFlag = Annotated[bool, typer.Option("--stdin", help="same as -")]
KeyringFlag = Annotated[
    bool, typer.Option("--keyring", help="store the key in the system keyring (needs the keyring package)")
]


@with_flag_groups
def login(
    ctx: typer.Context,
    provider: ProviderName = None,
    source: KeyOnStdin = None,
    stdin: StdinFlag = False,
    keyring: KeyringFlag = False,
) -> None:
    """Store a provider's API key.

    Prompts without echoing the key, and stores it in a file that only you can read.

    Examples:
      imagecli login
      imagecli login xai
      op read op://vault/openai/key | imagecli login openai -
    """
    from imagecli.commands.login_actions import store_typed_key

    store_typed_key(provider, source, ctx.obj, stdin=stdin, keyring=keyring)
