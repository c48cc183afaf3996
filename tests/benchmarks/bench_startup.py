"""What the command costs before it works: CPU as a multiple of `python -c pass`, beside the targets.

Run by hand: `python tests/benchmarks/bench_startup.py [RUNS]`. Every figure is the median of RUNS processes (15), taken
in turn so that a noisy moment falls on all of them. CPU is user and system time of the process; wall time is not told,
because it says more about the machine than about the program. A `generate` includes the answer of a loopback server
and the saving of its one pixel.

The command is started by a script as today's installers write it (pip from 24.2 on, uv). An older pip's script imports
`re`, which costs `--version` half a start of Python; other commands import it anyway.
"""

from __future__ import annotations

import base64
import json
import os
import pty
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

RUNS = 15
# The 1x1 PNG that everybody uses.
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
ANSWER = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(PIXEL).decode()}]}).encode()


class Answers(BaseHTTPRequestHandler):
    """The same small picture to everybody, at once."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(ANSWER)))
        self.end_headers()
        self.wfile.write(ANSWER)

    def log_message(self, format: str, *args: object) -> None:
        return


@dataclass
class Case:
    """One command line and what its runs took."""

    name: str
    target: float
    """At most so many times bare Python."""
    argv: tuple[str, ...]
    code: int = 0
    tty: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def measure(self, folder: str) -> None:
        """One run; its CPU seconds are kept. Raises AssertionError where it does not end as it should."""
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm-256color", **self.variables}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        code = on_terminal(self.argv, environ, folder) if self.tty else in_pipe(self.argv, environ, folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert code == self.code, (self.name, code)
        self.seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def in_pipe(argv: tuple[str, ...], environ: dict[str, str], folder: str) -> int:
    return subprocess.run(argv, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True).returncode


def on_terminal(argv: tuple[str, ...], environ: dict[str, str], folder: str) -> int:
    ours, theirs = pty.openpty()
    reader = threading.Thread(target=drain, args=(ours,), daemon=True)
    reader.start()
    code = subprocess.run(argv, env=environ, cwd=folder, stdin=theirs, stdout=theirs, stderr=theirs).returncode
    os.close(theirs)
    reader.join()
    os.close(ours)
    return code


def drain(terminal: int) -> None:
    try:
        while os.read(terminal, 65536):
            pass
    except OSError:
        return


SCRIPT = f"""#!{sys.executable}
import sys
from imagecli.__main__ import run
if __name__ == "__main__":
    sys.exit(run())
"""


def cases(base_url: str, folder: str) -> list[Case]:
    script = Path(folder) / "imagecli"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    command = str(script)
    buy = ("generate", "a cat", "--base-url", base_url, "-o", "x.png", "--if-exists", "overwrite")
    typed = {"COMP_WORDS": "imagecli generate --out", "COMP_CWORD": "2", "_IMAGECLI_COMPLETE": "complete_bash"}
    return [
        Case("python -c pass", 1, (sys.executable, "-c", "pass")),
        Case("--version", 1.3, (command, "--version")),
        Case("completion", 6, (command,), variables=typed),
        Case("--help", 6, (command, "--help")),
        Case("generate --help", 6, (command, "generate", "--help")),
        Case("usage error", 6, (command, "generate", "a cat", "--bogus"), code=2),
        Case("generate, pipe", 15, (command, *buy)),
        Case("generate, terminal", 20, (command, *buy), tty=True),
    ]


def main() -> None:
    runs = int(sys.argv[1]) if sys.argv[1:] else RUNS
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        measured = cases(f"http://127.0.0.1:{server.server_port}/v1", folder)
        for run in range(runs + 1):
            for case in measured:
                case.measure(folder)
                if run == 0:
                    case.seconds.clear()  # The first run writes bytecode.
    server.shutdown()
    bare = measured[0].median
    sys.stdout.write(f"Python {sys.version.split()[0]}, median of {runs}; bare Python {bare:.3f} s CPU\n\n")
    sys.stdout.write("| what | CPU s | times bare | target |\n| --- | --: | --: | --: |\n")
    for case in measured[1:]:
        times = case.median / bare
        sys.stdout.write(f"| {case.name} | {case.median:.3f} | {times:.2f} | {case.target:g} |\n")


if __name__ == "__main__":
    main()
