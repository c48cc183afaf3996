"""`imagecli history`: finds earlier images, what they cost and where they came from, and requests them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Final

import typer

from imagecli.commands import OtherCommand, completers
from imagecli.commands.flags import with_flag_groups

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
ImageReference = Annotated[
    str,
    typer.Argument(
        metavar="ID", help="ID or the start of one, or @last, @last~1", autocompletion=completers.complete_history
    ),
]
TextFilter = Annotated[
    str | None, typer.Argument(metavar="TEXT", help="text in the prompt or path  [default: all images]")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE", help="from this date: 2026-11-29, today, yesterday or 7d (days ago)"),
]
Until = Annotated[str | None, typer.Option("--until", metavar="DATE", help="up to and including this date")]
ModelFilter = Annotated[
    str | None,
    typer.Option("--model", "-m", metavar="NAME", help="only this model", autocompletion=completers.complete_models),
]


DEFAULT_LIMIT: Final = 20
"""Images that are listed by default."""
RUNS_ALONE: Final = True
"""The group may be used without a command."""


def history(ctx: typer.Context) -> None:
    """Find earlier images, their cost and origin, and request them again.

    Without a command, lists the newest images.

    Examples:
      imagecli history
      imagecli history list lighthouse --since 7d
      imagecli history show @last
      imagecli history rerun @last --quality high
      imagecli edit @last "the same at night"
    """
    if ctx.invoked_subcommand is None:
        from imagecli.commands.history_actions import list_entries, read_filter

        list_entries(read_filter(None, None, None, None, ctx.obj)._replace(limit=DEFAULT_LIMIT), ctx.obj, as_json=False)


@with_flag_groups
def list_history(
    ctx: typer.Context,
    text: TextFilter = None,
    since: Since = None,
    until: Until = None,
    model: ModelFilter = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, metavar="COUNT", help="maximum number of images to list")
    ] = DEFAULT_LIMIT,
    as_json: AsJson = False,
) -> None:
    """List images, the newest first.

    In a pipe each line has an ID, time, model, cost, file and prompt, separated by tabs.

    Examples:
      imagecli history list
      imagecli history list "white cat" --since 2026-11-01 --model gpt-image-2
      imagecli history list --limit 1000 | cut -f1,5
    """
    from imagecli.commands.history_actions import list_entries, read_filter

    list_entries(read_filter(text, since, until, model, ctx.obj)._replace(limit=limit), ctx.obj, as_json=as_json)


@with_flag_groups
def show_entry(ctx: typer.Context, reference: ImageReference, as_json: AsJson = False) -> None:
    """Show how an image was made, and the images it came from.

    Examples:
      imagecli history show @last
      imagecli history show k3f9x2 --json
    """
    from imagecli.commands.history_actions import show_history_image

    show_history_image(reference, ctx.obj, as_json=as_json)


@with_flag_groups
def rerun(
    ctx: typer.Context,
    words: Annotated[
        list[str],
        typer.Argument(metavar="ID [OPTION...]", help="the image, then any options of generate, edit or vary"),
    ],
) -> OtherCommand:
    """Request an image again, with any option changed.

    Runs the generate, edit or vary command that made it, for one image, in the current folder. Options after the ID
    replace those of that command.

    Examples:
      imagecli history rerun @last
      imagecli history rerun k3f9x2 --quality high -n 4 -o final/
      imagecli history rerun k3f9x2 --prompt "the same cat, asleep"
      imagecli history rerun k3f9x2 --var animal=owl --dry-run
    """
    from imagecli.commands.history_actions import build_rerun

    return build_rerun(ctx.obj)


@with_flag_groups
def cost(
    ctx: typer.Context,
    since: Since = None,
    until: Until = None,
    model: ModelFilter = None,
    as_json: AsJson = False,
) -> None:
    """Sum up costs by day and model, estimated and actual.

    Examples:
      imagecli history cost --since 30d
      imagecli history cost --json | jq .total.actual_usd
    """
    from imagecli.commands.history_actions import print_costs, read_filter

    print_costs(read_filter(None, since, until, model, ctx.obj), ctx.obj, as_json=as_json)


@with_flag_groups
def gallery(
    ctx: typer.Context,
    text: TextFilter = None,
    since: Since = None,
    until: Until = None,
    model: ModelFilter = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, metavar="COUNT", help="only the newest COUNT images")
    ] = None,
    output: Annotated[
        str,
        typer.Option("--output", "-o", metavar="FILE.html|FOLDER/", help="where to write it"),
    ] = "gallery/",
    show: Annotated[bool, typer.Option("--open", help="open it in a browser")] = False,
    as_json: AsJson = False,
) -> None:
    """Write a web page with the images, to browse, filter and compare.

    A folder suits thousands of images, and the next run reuses its thumbnails; one HTML file suits a few hundred.

    Examples:
      imagecli history gallery --open
      imagecli history gallery cat --since 30d -o cats.html
    """
    from imagecli.commands.history_actions import read_filter
    from imagecli.commands.history_gallery import write_history_gallery

    choice = read_filter(text, since, until, model, ctx.obj)._replace(limit=limit)
    write_history_gallery(choice, output, ctx.obj, show=show, as_json=as_json)


@with_flag_groups
def clear(
    ctx: typer.Context,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="remove only entries from before this date")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="skip the confirmation")] = False,
) -> None:
    """Remove entries from the history. Image files stay.

    Examples:
      imagecli history clear --before 90d
      imagecli history clear --yes
    """
    from imagecli.commands.history_actions import clear_entries

    clear_entries(before, ctx.obj, yes=yes)


COMMANDS: dict[str, Callable[..., object]] = {
    "list": list_history,
    "show": show_entry,
    "rerun": rerun,
    "gallery": gallery,
    "cost": cost,
    "clear": clear,
}
"""Name → function, in the order of help."""

LITERAL = ("rerun",)
"""Commands whose arguments may begin with a dash."""
