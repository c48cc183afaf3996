"""One provocation: what servers do, what lies in the folder, how the command is typed, and where it all happens."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import Result
from tests.faults.responses import IMAGE, OK
from tests.faults.server import Act, Lab


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folders of a case; all of them are its own."""

    folder: Path
    """Where the command is typed."""
    state: Path
    config: Path
    home: Path

    @property
    def own(self) -> tuple[Path, Path, Path]:
        """Where nothing that lies there may change."""
        return self.folder, self.config, self.home

    def write_file(self, name: str, data: bytes | str, mode: int = 0o644) -> Path:
        """A file in the folder that the command is typed in."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        path.chmod(mode)
        return path


When = Callable[[Place, Lab], bool]


def request_received(place: Place, lab: Lab) -> bool:
    """A request is under way."""
    return bool(lab.api.calls)


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """The command as a process of its own, instead of `main` in this one."""

    shell: str = ""
    """What the shell does that starts it: `ulimit -f 100`."""
    streams: str = ""
    """The shell's redirections: `1>&-`."""
    by: Sequence[str] = ()
    """The command that starts it."""
    signals: Sequence[tuple[float, signal.Signals]] = ()
    """Sent one after another, each after a pause in seconds, once *when* is so."""
    when: When = request_received


Before = Callable[[Place], object]
After = Callable[[Place, Lab, Result], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """`outcomes.toml` lists how it must end."""

    id: str
    """A row of the table of faults."""
    case: str
    """Which way of provoking it."""
    posts: Sequence[bytes | Act] = (OK,)
    gets: Sequence[bytes | Act] = (IMAGE,)
    elsewhere: Sequence[bytes | Act] = (IMAGE,)
    tls: bool = False
    """The API speaks TLS, with a certificate that nobody trusts."""
    argv: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    """{api}, {results}, {elsewhere} and {closed} in it become hosts with ports, {home} a folder."""
    base_url: Callable[[Lab], str] | None = lambda lab: lab.api.url + "/v1"
    """None where none is typed."""
    command: Sequence[str] = ("generate", "a cat")
    stdin: bytes = b""
    child: Child | None = None
    before: Before = lambda place: None
    """What lies in the folders; every file of it must be as it was afterwards."""
    replaces: Sequence[str] = ()
    """The files that may be replaced all the same, or go."""
    after: After = lambda place, lab, result: None
    """What must be so beside all that is always so."""
    needs: Callable[[], bool] = lambda: True
    """Whether this machine can provoke it."""
    seconds: float = 40
    """Within this it has ended, from the last signal on if there is one."""
    slow: bool = False
    """It waits for seconds, as its fault does."""
