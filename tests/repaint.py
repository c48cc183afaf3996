"""Creates the images of the README in `.images/`: a terminal, and the results of its commands, side by side.

Run it by hand after a change of the painter, `python -m tests.repaint`, and look at the result.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw

from tests.terminal_picture import draw_terminal, record_session

ROOT = Path(__file__).parent.parent
IMAGES = ROOT / ".pictures"
SIDE, GAP = 512, 16

COMMANDS = """\
imagecli generate "a white siamese cat"
imagecli generate "a lighthouse above a stormy sea" -n 3 -o 'light-{n:02}.webp'
imagecli edit a-white-siamese-cat.png "a mountain lake" --mask .pictures/mask.png
imagecli vary a-white-siamese-cat.png -n 3
"""


SESSION = 'imagecli generate "a white siamese cat" -n 3 --provider sandbox'
COLUMNS, ROWS = 88, 30
"""The window that README shows first, and what is typed in it."""


def run_commands() -> list[list[str]]:
    """Runs COMMANDS in the current folder and returns the paths that each printed."""
    paths = []
    for line in COMMANDS.splitlines():
        command = [sys.executable, "-m", *shlex.split(line), "--provider", "sandbox"]
        environ = {"PATH": os.environ["PATH"], "HOME": str(Path.cwd()), "PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environ)
        paths.append(done.stdout.splitlines())
    return paths


def terminal_environ() -> dict[str, str]:
    """The variables of kitty, with the imagecli of this Python on the PATH."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(Path.cwd()), "TERM": "xterm-kitty", "LANG": "C.UTF-8"}


def draw_mask() -> Image.Image:
    """Transparent inside an ellipse on the lower half."""
    image = Image.new("RGBA", (1024, 1024), (0, 0, 0, 255))
    ImageDraw.Draw(image).ellipse((120, 400, 904, 960), fill=(255, 255, 255, 0))
    return image


def show_on_checkerboard(image: Image.Image) -> Image.Image:
    """*image* over the checkerboard that shows transparency."""
    cell = 32
    squares = Image.new("RGB", image.size, (255, 255, 255))
    draw = ImageDraw.Draw(squares)
    for top in range(0, image.height, cell):
        for left in range(top // cell % 2 * cell, image.width, 2 * cell):
            draw.rectangle((left, top, left + cell - 1, top + cell - 1), fill=(204, 204, 204))
    squares.paste(image, mask=image.getchannel("A"))
    return squares


def put_side_by_side(images: Sequence[Image.Image]) -> Image.Image:
    """*images* in one row, with white between them."""
    row = Image.new("RGB", (len(images) * (SIDE + GAP) - GAP, SIDE), (255, 255, 255))
    for index, image in enumerate(images):
        small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS)
        row.paste(small, (index * (SIDE + GAP), 0))
    return row


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        Path(".pictures").mkdir()
        draw_mask().save(".pictures/mask.png", optimize=True)
        session = record_session([SESSION], COLUMNS, ROWS, Path(folder), terminal_environ())
        draw_terminal(session, COLUMNS, ROWS).save(IMAGES / "terminal.webp", quality=85, method=6)
        first, several, edited, varied = [[Image.open(path) for path in paths] for paths in run_commands()]
        strips: dict[str, Sequence[Image.Image]] = {
            "several": several,
            "edit": [*first, show_on_checkerboard(draw_mask()), *edited],
            "vary": varied,
        }
        for name, images in strips.items():
            put_side_by_side(images).save(IMAGES / f"{name}.webp", quality=85, method=6)
        draw_mask().save(IMAGES / "mask.png", optimize=True)
        os.chdir(ROOT)


if __name__ == "__main__":
    main()
