"""Opens pages in the user's browser."""

from __future__ import annotations

import subprocess
import sys

from imagecli.env import Env


def has_browser(env: Env) -> bool:
    """Whether a browser of the user can be started from here. Editors on remote machines set BROWSER."""
    if "BROWSER" in env.environ:
        return True
    if "SSH_CONNECTION" in env.environ or env.in_ci:
        return False
    return sys.platform in ("win32", "darwin") or bool({"DISPLAY", "WAYLAND_DISPLAY"} & env.environ.keys())


def open_browser(url: str, env: Env) -> None:
    """Starts the browser, and does not wait for it."""
    # A process of its own, because browsers write to stdout, which is for data. -I and another folder: nothing in
    # the current one is run.
    subprocess.Popen(
        [sys.executable, "-I", "-m", "webbrowser", url],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd=sys.prefix,
        env=dict(env.environ),
    )
