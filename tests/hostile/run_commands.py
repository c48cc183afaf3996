"""Runs several command lines, given as JSON, in one process and prints [exit code, stderr] of each as JSON.

The tests start it as another user: one interpreter for all commands of a test, because starting it takes most of the
time.
"""

from __future__ import annotations

import io
import json
import os
import sys
from datetime import datetime
from typing import Any

from imagecli.cli import main
from imagecli.env import Env


def run(command: str) -> tuple[int, str]:
    stdin, stdout, stderr = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(3))
    env = Env(
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        environ=dict(os.environ),
        now=lambda: datetime.now().astimezone(),
    )
    code = main(command.split(), env)
    written: Any = stderr.buffer
    return code, written.getvalue().decode()


if __name__ == "__main__":
    sys.stdout.write(json.dumps([run(command) for command in json.loads(sys.argv[1])]))
