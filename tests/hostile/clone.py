"""A cloned repository in which one name is not what it seems, and the home folder that must not change.

`CANARY` is in every file of the home folder and in the clone's `.git`: it must never be part of a request.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from imagecli.domain import OutputName
from imagecli.prepared_call import ManifestRef, PreparedCall, prepared_to_json

CANARY: Final = "CANARY-7731"
OTHER_USER: Final = 54321
HUGE_BYTES: Final = 1 << 36
"""The size of a sparse file: reading it whole would take minutes."""


def make_image(path: Path, color: tuple[int, int, int], text: str = "", *, transparent: bool = False) -> Path:
    """A PNG of 64x64 pixels with *text* in a text chunk."""
    notes = PngInfo()
    notes.add_text("Comment", text)
    image = Image.new("RGBA", (64, 64), (*color, 255))
    image.putpixel((1, 1), (1, 2, 3, 255))
    if transparent:
        image.paste((0, 0, 0, 0), (0, 0, 32, 32))
    image.save(path, pnginfo=notes)
    return path


def make_home(path: Path) -> Path:
    """A home folder with files of every kind that a clone would like to read or replace."""
    path.mkdir()
    (path / ".bashrc").write_text(f"export TOKEN={CANARY}\nalias ll='ls -l'")
    (path / "secret.txt").write_text(f"{CANARY}\n")
    make_image(path / "secret.png", (1, 2, 3), CANARY, transparent=True)
    for name in ("images", "spool"):
        (path / name).mkdir()
    for name in ("cat.png", "dog.png"):
        make_image(path / "images" / name, (9, 9, 9), CANARY)
    (path / "spool" / "note.json").write_text(f'{{"note": "{CANARY}"}}')
    return path


def make_clone(path: Path) -> Path:
    """A clone whose manifest is honest, and which has all that the manifest names."""
    path.mkdir(exist_ok=True)
    (path / ".git").mkdir()
    (path / ".git" / "config").write_text(f'[http]\n\textraheader = "AUTHORIZATION: basic {CANARY}"\n')
    (path / "prompt.txt").write_text("a fox")
    make_image(path / "in.png", (200, 10, 10))
    make_image(path / "mask.png", (255, 255, 255), transparent=True)
    make_image(path / "typed.png", (10, 200, 10))
    rows = [
        {"prompt_file": "prompt.txt", "output": "art/one.png"},
        {"command": "edit", "image": "in.png", "mask": "mask.png", "prompt": "a hat", "output": "art/two.png"},
    ]
    (path / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "imagecli.toml").write_text('quality = "low"\n')
    return path


def forge_spool(folder: Path, clone: Path, home: Path) -> None:
    """Entries, written as imagecli writes them, that would create, replace and fetch whatever their author likes."""
    folder.mkdir()
    image = base64.b64encode((home / "images" / "cat.png").read_bytes()).decode()
    part = ManifestRef(manifest=str(clone / "m.jsonl"), id="art/one.png", hash="0" * 64, planned=(("art/one.png",),))
    for number, (target, stem) in enumerate(((home, ".zshenv"), (home / "images", "cat"), (clone, "../home/x"))):
        prepared = PreparedCall(
            id=f"20261129-00000{number}-aaaa-1",
            request=0,
            command="generate",
            provider="openai",
            base_url="http://127.0.0.1:9/v1",
            model="gpt-image-2",
            n=1,
            names=(OutputName(folder=target, stem=stem, ending="png", literal_format="png"),),
            if_exists="overwrite",
            stdout=False,
            prompt="x",
            output_format=None,
            size=None,
            replaces=((home / "images" / "cat.png", sha256(home / "images" / "cat.png")),),
            part=part if number else None,
        )
        (folder / f"{prepared.id}.json").write_text(prepared_to_json(prepared))
        (folder / f"{prepared.id}.body").write_text(json.dumps({"created": 1, "data": [{"b64_json": image}]}))
        (folder / f"{prepared.id}.sent").touch()


def forge_journal(path: Path, clone: Path, home: Path) -> None:
    """Entries for files outside the clone, and for links in it that lead outside."""
    inside = clone / "linked"
    if not inside.exists():
        inside.symlink_to(home / "images")
    digest, size = sha256(home / "images" / "cat.png"), (home / "images" / "cat.png").stat().st_size
    lines = []
    for target in ("../home/images/cat.png", str(home / "images" / "cat.png"), "linked/cat.png", "linked/dog.png"):
        record = {"path": target, "sha256": digest, "bytes": size}
        entry: dict[str, object] = {
            "id": target,
            "hash": "0" * 64,
            "state": "saved",
            "provider": "openai",
            "model": "gpt-image-2",
        }
        entry |= {"files": [record], "schema": 1, "cost_usd": None, "manifest": "m.jsonl", "run": 1}
        lines.append(json.dumps(entry, sort_keys=True) + "\n")
    path.write_text("".join(lines))


FORGED: Final[Mapping[str, Callable[[Path, Path, Path], object]]] = {
    ".imagecli-spool": forge_spool,
    "art/.imagecli-spool": forge_spool,
    "m.journal.jsonl": forge_journal,
    "m.journal.1-3.jsonl": forge_journal,
    "m.journal.lock": lambda path, clone, home: path.write_text("export A=1\n"),
    "m.journal.1-3.lock": lambda path, clone, home: path.write_text('{"pid": 1, "host": "x"}'),
    "m.jsonl": lambda path, clone, home: path.write_text(
        "".join(
            json.dumps(row) + "\n"
            for row in (
                {"prompt_file": "../home/secret.txt", "output": "art/one.png"},
                {"prompt_file": str(home / "secret.txt"), "output": "art/two.png"},
                {"prompt_file": ".git/config", "output": "art/three.png"},
                {"command": "edit", "image": "../home/secret.png", "prompt": "x", "output": "art/four.png"},
                {"prompt": "x", "output": "../home/images/cat.png"},
                {"prompt": "x", "output": "ok.png", "if_exists": "overwrite", "max_cost": 100000},
            )
        )
    ),
    "prompt.txt": lambda path, clone, home: path.write_bytes(b"\xff\x00\x1b]0;x\x07"),
    "in.png": lambda path, clone, home: path.write_text(CANARY[::-1]),
    "mask.png": lambda path, clone, home: path.write_text("no image"),
    "art": lambda path, clone, home: path.write_text("a file, not a folder"),
    "art/one.png": lambda path, clone, home: path.write_text("no image"),
    "imagecli.toml": lambda path, clone, home: path.write_text(
        'if_exists = "overwrite"\nmax_cost = 100000\nprovider = "openai"\nbase_url = "http://127.0.0.1:9/v1"\n'
        'api_key_command = "touch pwned"\n'
    ),
    "models.toml": lambda path, clone, home: path.write_text('[models.gpt-image-2]\nprovider = "x"\n'),
    ".env": lambda path, clone, home: path.write_text("OPENAI_API_KEY=sk-other\n"),
    ".imagecli-check-0.part": lambda path, clone, home: path.write_text("imagecli"),
    "pip.py": lambda path, clone, home: path.write_text("open('pwned', 'w')"),
}
"""What imagecli looks for, or may come across, in a working tree, and how its content is forged."""

KINDS: Final = (
    "link to a file",
    "link to an image",
    "link to a folder",
    "link into .git",
    "dangling link",
    "named pipe",
    "device",
    "forged content",
    "huge file",
    "another user's",
)


def plant(kind: str, name: str, clone: Path, home: Path) -> None:
    """Replaces *name* in the clone by something of this *kind*."""
    path = clone / name
    path.parent.mkdir(exist_ok=True)
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)
    match kind:
        case "link to a file":
            path.symlink_to(home / ".bashrc")
        case "link to an image":
            path.symlink_to(home / "secret.png")
        case "link to a folder":
            path.symlink_to(home / ("spool" if "spool" in name else "images"))
        case "link into .git":
            path.symlink_to(".git/config")
        case "dangling link":
            path.symlink_to(home / "new")
        case "named pipe":
            os.mkfifo(path)
        case "device":
            if os.geteuid() == 0:
                os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))  # /dev/zero
            else:
                path.symlink_to("/dev/zero")
        case "forged content":
            FORGED[name](path, clone, home)
        case "huge file":
            with path.open("wb") as file:
                file.truncate(HUGE_BYTES)
        case "another user's":
            FORGED[name](path, clone, home)
            for place in (path, *(path.rglob("*") if path.is_dir() else ())):
                os.chown(place, OTHER_USER, OTHER_USER)
        case _:
            raise AssertionError(kind)


def snapshot(folder: Path) -> dict[str, tuple[int, bytes | str]]:
    """Every file, folder and link below *folder* with its mode and content."""
    entries: dict[str, tuple[int, bytes | str]] = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else ""
        entries[str(path.relative_to(folder))] = (mode, content)
    return entries


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
