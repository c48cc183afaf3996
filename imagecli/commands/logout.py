"""`imagecli logout`: removes a stored key."""

from __future__ import annotations

import typer

from imagecli.commands.flags import with_flag_groups
from imagecli.commands.login import ProviderName


@with_flag_groups
def logout(ctx: typer.Context, provider: ProviderName = None) -> None:
    """Remove a provider's stored API key.

    Examples:
      imagecli logout
      imagecli logout xai
    """
    from imagecli.commands.login_actions import remove_key

    remove_key(provider, ctx.obj)
