"""`imagecli config edit`: opens the user's settings file in an editor, and checks it afterwards."""

from __future__ import annotations

from pathlib import Path

from imagecli.catalog import catalog
from imagecli.commands.editor import edit_file
from imagecli.commands.terminal_input import confirm
from imagecli.config.edit import check_settings_file, starter_settings
from imagecli.config.files import read_user_file, replace_file
from imagecli.config.paths import find_folders
from imagecli.env import Env
from imagecli.errors import SettingsError
from imagecli.output.errors import print_error
from imagecli.output.terminal import DisplayOptions, print_note


def edit_settings_file(env: Env) -> None:
    """Open the file until it is valid or the user gives up; a missing file is created with every setting as a comment.

    Raises UsageError if no editor can be started, and SettingsError if the file is not valid in the end.
    """
    path = find_folders(env).settings
    if read_user_file(path) is None:
        replace_file(path, starter_settings())
    edit_file(path, env)
    while (error := _find_error(path)) is not None:
        if not env.can_ask:
            raise error
        print_error(error, DisplayOptions(), env)
        if not confirm("Edit it again?", env):
            raise SettingsError(f"{path} is not valid, so other commands can't use it", hint="imagecli config edit")
        edit_file(path, env)
    print_note(f"{path} is valid", env)


def _find_error(path: Path) -> SettingsError | None:
    try:
        check_settings_file(path, catalog.load_shipped_catalog())
    except SettingsError as error:
        return error
    return None
