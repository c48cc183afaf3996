"""A folder with the documents' manifest, and what tests do in it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.batch.serving import Server
from tests.github.readme import FILES


def needs(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is not installed")


def environment(assets: Path, server: Server) -> dict[str, str]:
    """Variables with which `imagecli` is this one, and OpenAI's base URL is *server*."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HOME": str(assets.parent),
        "OPENAI_BASE_URL": server.base_url,
        "OPENAI_API_KEY": "any",
    }


def shell(assets: Path, server: Server, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Runs *words* in the folder of the manifest, with *server* as OpenAI; *variables* are set in addition."""
    environ = environment(assets, server) | variables
    return subprocess.run(words, cwd=assets, env=environ, capture_output=True, text=True, timeout=120)


def saved(assets: Path) -> list[str]:
    return [name for name in FILES if (assets / name).is_file()]


def is_complete(assets: Path, server: Server) -> bool:
    """Whether all images are up to date by `--check`, which sends nothing."""
    count = len(server.prompts)
    done = shell(assets, server, "imagecli", "batch", "assets.toml", "--check")
    assert len(server.prompts) == count
    return done.returncode == 0 and saved(assets) == [*FILES]
