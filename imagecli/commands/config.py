"""`imagecli config`: show and change settings, trust projects."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from imagecli.commands import completers
from imagecli.commands.flags import with_flag_groups
from imagecli.commands.login import KeyOnStdin, KeyringFlag, ProviderName, StdinFlag

AsJson = Annotated[bool, typer.Option("--json", help="one JSON object on stdout")]


def config() -> None:
    """Show and change settings, trust projects.

    \b
      imagecli config show --origin
      imagecli config set max_cost 20
    """


@with_flag_groups
def path(
    ctx: typer.Context,
    which: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="only the path of settings, credentials, models, state, trusted or project"
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell the files and folders in use, existing or not.

    \b
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
        raise UsageError(f"there is no path {which!r} here", hint=f"there are: {', '.join(row.name for row in paths)}")
    if not as_json:
        return print_paths(matching, ctx.obj, bare=which is not None)
    from imagecli.output.json_result import print_json_document

    entries: Any = [
        {"name": row.name, "path": str(row.path), "exists": row.path.exists(), "about": row.about} for row in matching
    ]
    return print_json_document("config", {"paths": entries}, ctx.obj)


@with_flag_groups
def show(
    ctx: typer.Context,
    origin: Annotated[bool, typer.Option("--origin", help="say of each value where it comes from")] = False,
    as_json: AsJson = False,
) -> None:
    """Show every setting as a command typed here would have it; of keys only that they are set.

    \b
      imagecli config show --origin
      imagecli config show --json | jq '.settings[] | select(.name == "model")'
    """
    from imagecli.config.paths import current_folder
    from imagecli.config.show import build_setting_rows
    from imagecli.config.sources import SettingFlags, read_settings_sources
    from imagecli.config.user_catalog import load_user_catalog
    from imagecli.output.config import print_settings
    from imagecli.output.terminal import print_note

    rows = load_user_catalog(ctx.obj)
    sources = read_settings_sources(SettingFlags(), ctx.obj, rows, current_folder())
    settings = build_setting_rows(sources, ctx.obj, rows)
    for message in [note.message for note in sources.notes] + [warning.message for warning in sources.warnings]:
        print_note(message, ctx.obj)
    if not as_json:
        return print_settings(settings, ctx.obj, origin=origin)
    from imagecli.output.json_result import print_json_document

    entries: Any = [
        {"name": row.name, "value": row.value, "origin": row.origin, "remark": row.note} for row in settings
    ]
    return print_json_document("config", {"settings": entries}, ctx.obj)


@with_flag_groups
def set_value(
    ctx: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="a setting, or providers.PROVIDER.FIELD", autocompletion=completers.complete_settings
        ),
    ],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="text, or a TOML value")],
) -> None:
    """Write a setting into your own settings file; its comments and order stay.

    \b
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
            help="as for set; providers.PROVIDER takes all of it",
            autocompletion=completers.complete_settings,
        ),
    ],
) -> None:
    """Take a setting out of your own settings file.

    \b
      imagecli config unset model
      imagecli config unset providers.mine
    """
    from imagecli.commands.config_actions import remove_setting

    remove_setting(name, ctx.obj)


@with_flag_groups
def store_or_remove_key(
    ctx: typer.Context,
    provider: ProviderName = None,
    source: KeyOnStdin = None,
    stdin: StdinFlag = False,
    keyring: KeyringFlag = False,
    delete: Annotated[bool, typer.Option("--delete", help="the same as imagecli logout")] = False,
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
        Path | None, typer.Argument(metavar="DIR", help="the project's folder  [default: the current one]")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="do not ask")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="trust it no more")] = False,
) -> None:
    """Let a project's imagecli.toml, as it is now, decide where keys and data go.

    \b
      imagecli config trust
      imagecli config trust ~/work/site --yes
      imagecli config trust --remove
    """
    from imagecli.commands.config_actions import trust_project

    trust_project(folder, ctx.obj, yes=yes, remove=remove)


COMMANDS: dict[str, Callable[..., None]] = {
    "path": path,
    "show": show,
    "set": set_value,
    "unset": unset,
    "trust": trust,
    "login": store_or_remove_key,
}
"""Command → its function, in the order of the help."""

HIDDEN = ("login",)
"""Former names, which still work; neither help nor completion lists them."""

LITERAL = ("set",)
"""Commands whose arguments may begin with a dash."""
