"""The folders and files of settings, keys and responses; and the current folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from imagecli.env import Env
from imagecli.errors import SettingsError


class Folders(NamedTuple):
    """The user's settings folder and the state folder, whether they exist or not."""

    config: Path
    state: Path
    records: tuple[Path, ...] = ()
    """Folders for the records of responses stored outside the state folder: the first usable one holds them."""

    @property
    def settings(self) -> Path:
        return self.config / "config.toml"

    @property
    def credentials(self) -> Path:
        """Keys; readable by the user alone."""
        return self.config / "credentials.toml"

    @property
    def models(self) -> Path:
        """The user's own rows of the catalog."""
        return self.config / "models.toml"

    @property
    def trusted_projects(self) -> Path:
        """The project files that are trusted on this machine, and their digests."""
        return self.state / "trusted.json"


def find_folders(env: Env) -> Folders:
    """The folders of IMAGECLI_CONFIG_DIR and IMAGECLI_STATE_DIR, or else those of the system."""
    import platformdirs

    config = Path(env.expand_home(env.environ.get("IMAGECLI_CONFIG_DIR") or platformdirs.user_config_dir("imagecli")))
    state = Path(env.expand_home(env.environ.get("IMAGECLI_STATE_DIR") or platformdirs.user_state_dir("imagecli")))
    return Folders(config=config, state=state, records=_record_folders(state, env))


def _record_folders(state: Path, env: Env) -> tuple[Path, ...]:
    """In the state folder; if that can't be written to, in another private folder of the user."""
    runtime = env.environ.get("XDG_RUNTIME_DIR")
    # tempfile.gettempdir() would create a file to see whether it can: a dry run must not write.
    temporary = Path(env.environ.get("TMPDIR") or env.environ.get("TEMP") or "/tmp")
    name = "imagecli" if os.name == "nt" else f"imagecli-{os.geteuid()}"
    return (
        state / "spooled-elsewhere",
        *([Path(runtime) / "imagecli"] if runtime else []),
        temporary / name,
    )


def current_folder() -> Path:
    """The folder in which the command was typed. Raises SettingsError if it no longer exists."""
    try:
        return Path.cwd()
    except OSError as error:
        raise SettingsError("the current folder no longer exists", hint="change to an existing folder") from error
