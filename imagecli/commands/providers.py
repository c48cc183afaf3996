"""`imagecli providers`: lists providers, or shows one in full."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups


@with_flag_groups
def providers(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="provider to show in full", autocompletion=completers.complete_providers),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List providers with base URLs, key variables and endpoints.

    Examples:
      imagecli providers
      imagecli providers azure
      imagecli generate "a cat" --provider local --base-url http://localhost:8080/v1
    """
    from imagecli.catalog.describe import provider_to_json
    from imagecli.config.user_catalog import load_catalog_with_providers
    from imagecli.output.catalog import print_provider, print_providers
    from imagecli.output.terminal import print_note

    rows, project_error = load_catalog_with_providers(ctx.obj)
    if project_error:
        print_note(f"{project_error.message}; its providers are not listed", ctx.obj)
    selection = list(rows.providers.values()) if name is None else [rows.provider(name)]
    if as_json:
        from imagecli.output.json_result import print_json_document

        entries: Any = [provider_to_json(row) for row in selection]
        return print_json_document("providers", {"providers": entries}, ctx.obj)
    if name is None:
        return print_providers(selection, ctx.obj)
    return print_provider(selection[0], ctx.obj)
