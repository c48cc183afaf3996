"""`imagecli providers`: who can be asked, with which key, and what is different there."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imagecli.commands import completion
from imagecli.commands.option_groups import grouped


@grouped
def providers(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="all of one provider's row", autocompletion=completion.provider_rows),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout")] = False,
) -> None:
    """List providers, with addresses, key variables, endpoints and what is different there.

    \b
      imagecli providers
      imagecli providers azure
      imagecli generate "a cat" --provider local --base-url http://localhost:8080/v1
    """
    from imagecli.catalog.describe import provider_described
    from imagecli.config.user_catalog import load_rows
    from imagecli.output.catalog import show_provider, show_providers
    from imagecli.output.settings import note, show_document

    rows, left_out = load_rows(ctx.obj)
    if left_out:
        note(f"{left_out.message}; its providers are left out here", ctx.obj)
    chosen = list(rows.providers.values()) if name is None else [rows.provider(name)]
    if as_json:
        listed: Any = [provider_described(row) for row in chosen]
        return show_document("providers", {"providers": listed}, ctx.obj)
    if name is None:
        return show_providers(chosen, ctx.obj)
    return show_provider(chosen[0], ctx.obj)
