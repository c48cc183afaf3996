"""`imagecli config`: show and change settings, trust projects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups
from imagecli.commands.login import KeyOnStdin, KeyringFlag, ProviderName, StdinFlag

AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]


def config() -> None:
    """Show and change settings, and trust projects.

    Examples:
      imagecli config list --origin
      imagecli config set max_cost 20
    """


@with_flag_groups
def path(
    ctx: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="settings, credentials, models, state, trusted or project"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print the paths of config and state files.

    Examples:
      imagecli config path
      $EDITOR "$(imagecli config path settings)"
    """
    from imagecli.config.paths import current_folder, find_folders
    from imagecli.config.project import nearest_project
    from imagecli.config.show import build_path_rows
    from imagecli.errors import UsageError
    from imagecli.output.config import print_paths

    paths = build_path_rows(find_folders(ctx.obj), nearest_project(current_folder()))
    matching = [row for row in paths if which in (None, row.name)]
    if not matching:
        raise UsageError(f"unknown path {which!r}", hint=f"available: {', '.join(row.name for row in paths)}")
    if not as_json:
        return print_paths(matching, ctx.obj, bare=which is not None)
    from imagecli.output.json_result import print_json_document

    entries: Any = [
        {"name": row.name, "path": str(row.path), "exists": row.path.exists(), "about": row.about} for row in matching
    ]
    return print_json_document("config", {"paths": entries}, ctx.obj)


@with_flag_groups
def list_settings(
    ctx: typer.Context,
    origin: Annotated[bool, typer.Option("--origin", help="print the source of each value")] = False,
    as_json: AsJson = False,
) -> None:
    """List the effective settings; for keys, only whether they are set.

    Examples:
      imagecli config list --origin
      imagecli config list --json | jq '.settings[] | select(.name == "model")'
    """
    from imagecli.commands.config_actions import read_setting_rows
    from imagecli.output.config import print_settings, print_settings_json

    rows = read_setting_rows(ctx.obj)
    return print_settings_json(rows, ctx.obj) if as_json else print_settings(rows, ctx.obj, origin=origin)


@with_flag_groups
def get_setting(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="setting, or providers.PROVIDER.FIELD", autocompletion=completers.complete_settings
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Print the effective value of a setting.

    Examples:
      imagecli config get model
      imagecli config get max_cost --json
    """
    from imagecli.commands.config_actions import find_setting_row
    from imagecli.output.config import print_setting_value, print_settings_json

    row = find_setting_row(name, ctx.obj)
    return print_settings_json([row], ctx.obj) if as_json else print_setting_value(row, ctx.obj)


@with_flag_groups
def set_value(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="setting, or providers.PROVIDER.FIELD", autocompletion=completers.complete_settings
        ),
    ],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="text, or a TOML value")],
) -> None:
    """Set a setting in your settings file.

    Comments and order in the file are preserved.

    Examples:
      imagecli config set model gpt-image-2
      imagecli config set max_cost 20
      imagecli config set providers.mine.base_url http://localhost:8080/v1
    """
    from imagecli.commands.config_actions import write_setting

    write_setting(name, value, ctx.obj)


@with_flag_groups
def unset(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="setting, providers.PROVIDER.FIELD, or providers.PROVIDER for all",
            autocompletion=completers.complete_settings,
        ),
    ],
) -> None:
    """Remove a setting from your settings file.

    Examples:
      imagecli config unset model
      imagecli config unset providers.mine
    """
    from imagecli.commands.config_actions import remove_setting

    remove_setting(name, ctx.obj)


@with_flag_groups
def edit_settings(ctx: typer.Context) -> None:
    """Edit your settings file in $VISUAL or $EDITOR, and check it afterwards.

    Examples:
      imagecli config edit
      EDITOR="code --wait" imagecli config edit
    """
    from imagecli.commands.config_edit import edit_settings_file

    edit_settings_file(ctx.obj)


@with_flag_groups
def store_or_remove_key(
    ctx: typer.Context,
    provider: ProviderName = None,
    source: KeyOnStdin = None,
    stdin: StdinFlag = False,
    keyring: KeyringFlag = False,
    delete: Annotated[bool, typer.Option("--delete", help="same as imagecli logout")] = False,
) -> None:
    """The former name of `imagecli login`, and with --delete of `imagecli logout`."""
    from imagecli.commands.login_actions import remove_key, store_typed_key

    if delete:
        return remove_key(provider, ctx.obj)
    return store_typed_key(provider, source, ctx.obj, stdin=stdin, keyring=keyring)


@with_flag_groups
def trust(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="project folder  [default: current folder]")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="skip the confirmation")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="revoke trust")] = False,
) -> None:
    """Let a project's imagecli.toml decide where keys and data go, until it changes.

    Examples:
      imagecli config trust
      imagecli config trust ~/work/site --yes
      imagecli config trust --remove
    """
    from imagecli.commands.config_actions import trust_project

    trust_project(folder, ctx.obj, yes=yes, remove=remove)


COMMANDS: dict[str, Callable[..., None]] = {
    "list": list_settings,
    "get": get_setting,
    "set": set_value,
    "unset": unset,
    "edit": edit_settings,
    "path": path,
    "trust": trust,
    "show": list_settings,
    "login": store_or_remove_key,
}
"""Command → its function, in the order of the help."""

HIDDEN = ("show", "login")
"""Former names, which still work; neither help nor completion lists them."""

LITERAL = ("set",)
"""Commands whose arguments may begin with a dash."""
