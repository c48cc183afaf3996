"""`imagecli recover`: saves images from responses that were received but not saved."""

from __future__ import annotations

from typing import Annotated

import typer

from imagecli.commands.flags import DisplayFlags, build_display_options, with_flag_groups


@with_flag_groups
def recover(
    ctx: typer.Context,
    display_flags: DisplayFlags,
    only_list: Annotated[bool, typer.Option("--list", help="list responses; change nothing")] = False,
    delete: Annotated[
        list[str] | None, typer.Option("--delete", metavar="ID", help="delete a response without saving it; repeatable")
    ] = None,
    source: Annotated[
        str | None,
        typer.Option("--from", metavar="FOLDER", help="save images from unknown responses in FOLDER"),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FOLDER", help="folder to save to  [default: the original one]"),
    ] = None,
) -> None:
    """Save images from responses that were received but not saved.

    After Ctrl-C, a crash, a full disk or an unreachable result URL, the response is kept in the state folder.

    Examples:
      imagecli recover
      imagecli recover --list
      imagecli recover -o rescued/
      imagecli recover --from . -o rescued/  # downloads and deletes nothing
    """
    from imagecli.commands.recover_actions import RecoverSession, save_from
    from imagecli.errors import UsageError

    display = build_display_options(display_flags, ctx.obj)
    if source is not None:
        if delete or only_list:
            raise UsageError("--from can't be combined with --list or --delete", hint="omit --list and --delete")
        raise typer.Exit(save_from(ctx.obj, display, source, output))
    session = RecoverSession.find(ctx.obj, display, output)
    if delete:
        session.delete(delete)
    elif only_list:
        session.print_list()
    else:
        raise typer.Exit(session.save())
