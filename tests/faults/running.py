"""Runs a case: `main` in this process, or the command as a child with limits, signals and odd streams."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass

from tests.children import Children
from tests.conftest import Result, Run
from tests.faults.case import Case, Child, Place
from tests.faults.server import Lab

KEY = "sk-CANARY-0123456789abcdef"
COMMAND = [sys.executable, "-m", "imagecli"]
START_SECONDS = 60
"""A loaded machine takes its time until a process asks its first question."""
STRAY = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "NETRC", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Variables of whoever runs the tests that would change what is provoked; in small letters too."""

# --- what this machine can provoke -----------------------------------------------------------------------------------

POWERLESS = ("setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner")
"""Takes from root what goes over the rights of files."""
SMALL_DISK = ("unshare", "-rm", "sh", "-c", 'mount -t tmpfs -o size="$1" tmpfs "$2" && shift 2 && exec "$@"', "sh")
"""A small disk of one's own at a folder: size, folder, command."""


def powerless() -> tuple[str, ...]:
    """What a command is started by, so that rights of files hold for it."""
    return POWERLESS if os.geteuid() == 0 else ()


def rights_hold() -> bool:
    return os.geteuid() != 0 or _works(*POWERLESS, "true")


def can_mount() -> bool:
    return _works(*SMALL_DISK, "1m", "/mnt", "true")


def _works(*command: str) -> bool:
    return bool(shutil.which(command[0])) and not subprocess.run(command, capture_output=True, timeout=10).returncode


# --- a run -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Ran:
    """The outcome, and the duration: since the last signal if there was one."""

    result: Result
    seconds: float


def environ_of(case: Case, place: Place, servers: Lab) -> dict[str, str]:
    """The key, and what the case sets, with its hosts and folders filled in."""
    known = {
        "api": servers.api.host,
        "results": servers.results.host,
        "elsewhere": servers.elsewhere.host,
        "closed": servers.closed,
        "home": str(place.home),
    }
    own = {name: value.format_map(known) for name, value in case.env.items()}
    return {"HOME": str(place.home), "OPENAI_API_KEY": KEY, **own}


def run(case: Case, place: Place, servers: Lab, imagecli: Run, children: Children, environ: Mapping[str, str]) -> Ran:
    """Runs the command and waits for its end. *environ* is the result of `environ_of`."""
    typed = [*case.command, *case.argv]
    if case.base_url:
        typed += ["--base-url", case.base_url(servers)]
    if case.child:
        return _as_child(case, case.child, typed, place, servers, children, environ)
    began = time.monotonic()
    # As Env.real has it: an empty variable is a missing one.
    result = imagecli(*typed, stdin=case.stdin, env={name: value for name, value in environ.items() if value})
    return Ran(result, time.monotonic() - began)


def _as_child(
    case: Case,
    child: Child,
    typed: list[str],
    place: Place,
    servers: Lab,
    children: Children,
    environ: Mapping[str, str],
) -> Ran:
    folders = {
        "IMAGECLI_STATE_DIR": str(place.state),
        "IMAGECLI_CONFIG_DIR": str(place.config),
        "XDG_RUNTIME_DIR": str(place.state.parent),
    }
    shell = ["/bin/sh", "-c", f'{child.shell or ":"}; exec "$@" {child.streams}', "sh"]
    process = children.start(
        [*child.by, *shell, *COMMAND, *typed],
        cwd=place.folder,
        env={"PATH": os.environ["PATH"], **folders, **environ},
        stdin=subprocess.PIPE,
    )
    began = time.monotonic()
    for pause, number in child.signals:
        while not child.when(place, servers) and process.poll() is None:
            assert time.monotonic() - began < START_SECONDS
            time.sleep(0.02)
        time.sleep(pause)
        process.send_signal(number)
    began = time.monotonic() if child.signals else began
    stdout, stderr = process.communicate(case.stdin, timeout=case.seconds + START_SECONDS)
    code = process.returncode if process.returncode >= 0 else 128 - process.returncode
    return Ran(Result(code, stdout, stderr.decode("utf-8", "replace")), time.monotonic() - began)
