"""`imagecli models`: lists models, or all fields of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups

if TYPE_CHECKING:
    from imagecli.catalog.catalog import Catalog
    from imagecli.catalog.model import ModelRow


@with_flag_groups
def models(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="model to show in full", autocompletion=completers.complete_catalog_models),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
) -> None:
    """List models with limits, prices and sources.

    Examples:
      imagecli models
      imagecli models gpt-image-2
      imagecli models --json | jq -r '.models[].name'
    """
    from imagecli.catalog.describe import model_to_json
    from imagecli.config.user_catalog import load_catalog_with_providers
    from imagecli.output.catalog import print_model, print_models
    from imagecli.output.terminal import print_note

    rows, project_error = load_catalog_with_providers(ctx.obj)
    if project_error:
        print_note(f"{project_error.message}; its providers are not listed", ctx.obj)
    selection = rows.models if name is None else {name: _find_row(rows, name)}
    if name is not None and name not in rows.models:
        bare_name, gateways = name.rpartition("/")[2], ", ".join(rows.gateways(name))
        print_note(f"{name} is {bare_name} at {gateways}, with the same limits; the gateway sets the price", ctx.obj)
    if as_json:
        from imagecli.output.json_result import print_json_document

        entries: Any = [model_to_json(row) for row in selection.values()]
        facts = {"default": rows.default_model, "drafts": rows.draft_model, "models": entries}
        return print_json_document("models", facts, ctx.obj)
    if name is None:
        return print_models(rows, ctx.obj.now().date(), ctx.obj)
    return print_model(selection[name], ctx.obj)


def _find_row(rows: Catalog, name: str) -> ModelRow:
    """A model's row, also by its name at a gateway. Raises UsageError with the most similar name."""
    from imagecli.errors import UsageError
    from imagecli.suggestions import suggest

    vendors = [name.rpartition("/")[0]] if rows.gateways(name) else []
    row = rows.models.get(name) or rows.model_behind_prefix(name, vendors)
    if row is None:
        near = suggest(name, rows.models, cutoff=0.5)
        suggestion = f"did you mean {near}? Otherwise, " if near else ""
        raise UsageError(
            f"unknown model {name!r}",
            hint=f"{suggestion}run imagecli models for a list; -m also accepts names that only your server knows",
        )
    return row
