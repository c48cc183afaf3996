"""`imagecli models`: which models there are, what they take, cost, and how long they live."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from imagecli.commands import completion
from imagecli.commands.option_groups import grouped


@grouped
def models(
    ctx: typer.Context,
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="all of one model's row", autocompletion=completion.model_rows),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on stdout")] = False,
) -> None:
    """List models, with limits, prices, dates and sources.

    \b
      imagecli models
      imagecli models gpt-image-2
      imagecli models --json | jq -r '.models[].name'
    """
    from imagecli.catalog.describe import model_described
    from imagecli.config.user_catalog import load_rows
    from imagecli.output.catalog import show_model, show_models
    from imagecli.output.settings import note, show_document

    rows, left_out = load_rows(ctx.obj)
    if left_out:
        note(f"{left_out.message}; its providers are left out here", ctx.obj)
    chosen = rows.models if name is None else {name: _known(rows.models, name)}
    if as_json:
        listed: Any = [model_described(row) for row in chosen.values()]
        return show_document("models", {"models": listed}, ctx.obj)
    today = ctx.obj.now().date()
    if name is None:
        return show_models(list(chosen.values()), rows.default_model, today, ctx.obj)
    return show_model(chosen[name], today, ctx.obj)


def _known(rows: dict[str, Any], name: str) -> Any:
    """The row. Raises UsageError with the nearest name."""
    import difflib

    from imagecli.errors import UsageError

    if name not in rows:
        near = difflib.get_close_matches(name, rows, n=1, cutoff=0.5)
        meant = f"did you mean {near[0]}? " if near else ""
        raise UsageError(
            f"no model {name!r} in the catalogue",
            hint=f"{meant}imagecli models lists them; a server may take others: -m passes any name on",
        )
    return rows[name]
