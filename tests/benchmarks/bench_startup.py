"""CPU of short commands as a multiple of `python -c pass`, with the targets.

Run it by hand: `python tests/benchmarks/bench_startup.py [RUNS]`. Every figure is the median of RUNS processes (15),
interleaved so that a noisy moment affects all commands. CPU is user and system time; wall time depends more on the
machine than on the program. A `generate` includes the response of a loopback server and saving its image of one pixel.

The command is started by a script as current installers write it (pip since 24.2, uv). The script of an older pip
imports `re`, which takes `--version` half as long as starting Python; other commands import it anyway.
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
ONE_PIXEL_PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
RESPONSE = json.dumps({"created": 1, "data": [{"b64_json": base64.b64encode(ONE_PIXEL_PNG).decode()}]}).encode()


class Handler(BaseHTTPRequestHandler):
    """Responds to every request with the same small image, immediately."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(RESPONSE)))
        self.end_headers()
        self.wfile.write(RESPONSE)

    def log_message(self, format: str, *args: object) -> None:
        return


@dataclass
class Case:
    """One command line and the CPU seconds of its runs."""

    name: str
    target: float
    """The highest multiple of bare Python."""
    argv: tuple[str, ...]
    exit_code: int = 0
    on_terminal: bool = False
    variables: dict[str, str] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    def measure(self, folder: str) -> None:
        """Runs the command once and records its CPU seconds. Raises AssertionError for another exit code."""
        environ = {"PATH": os.environ["PATH"], "HOME": folder, "TERM": "xterm-256color", **self.variables}
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        run = run_on_terminal if self.on_terminal else run_in_pipe
        exit_code = run(self.argv, environ, folder)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert exit_code == self.exit_code, (self.name, exit_code)
        self.seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def run_in_pipe(argv: tuple[str, ...], environ: dict[str, str], folder: str) -> int:
    return subprocess.run(argv, env=environ, cwd=folder, stdin=subprocess.DEVNULL, capture_output=True).returncode


def run_on_terminal(argv: tuple[str, ...], environ: dict[str, str], folder: str) -> int:
    terminal, other_end = pty.openpty()
    reader = threading.Thread(target=read_to_end, args=(terminal,), daemon=True)
    reader.start()
    run = subprocess.run(argv, env=environ, cwd=folder, stdin=other_end, stdout=other_end, stderr=other_end)
    os.close(other_end)
    reader.join()
    os.close(terminal)
    return run.returncode


def read_to_end(terminal: int) -> None:
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


def list_cases(base_url: str, folder: str) -> list[Case]:
    script = Path(folder) / "imagecli"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    command = str(script)
    generate = ("generate", "a cat", "--base-url", base_url, "-o", "x.png", "--if-exists", "overwrite")
    completion = {"COMP_WORDS": "imagecli generate --out", "COMP_CWORD": "2", "_IMAGECLI_COMPLETE": "complete_bash"}
    return [
        Case("python -c pass", 1, (sys.executable, "-c", "pass")),
        Case("--version", 1.3, (command, "--version")),
        Case("completion", 6, (command,), variables=completion),
        Case("--help", 6, (command, "--help")),
        Case("generate --help", 6, (command, "generate", "--help")),
        Case("usage error", 6, (command, "generate", "a cat", "--bogus"), exit_code=2),
        Case("generate, pipe", 15, (command, *generate)),
        Case("generate, terminal", 20, (command, *generate), on_terminal=True),
    ]


def main() -> None:
    runs = int(sys.argv[1]) if sys.argv[1:] else RUNS
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as folder:
        cases = list_cases(f"http://127.0.0.1:{server.server_port}/v1", folder)
        for run in range(runs + 1):
            for case in cases:
                case.measure(folder)
                if run == 0:
                    case.seconds.clear()  # the first run compiles
    server.shutdown()
    bare = cases[0].median
    sys.stdout.write(f"Python {sys.version.split()[0]}, median of {runs}; bare Python {bare:.3f} s CPU\n\n")
    sys.stdout.write("| command | CPU s | x bare Python | target |\n| --- | --: | --: | --: |\n")
    for case in cases[1:]:
        times = case.median / bare
        sys.stdout.write(f"| {case.name} | {case.median:.3f} | {times:.2f} | {case.target:g} |\n")


if __name__ == "__main__":
    main()
