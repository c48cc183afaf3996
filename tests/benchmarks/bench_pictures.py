"""What fitting a photograph costs, as multiples of plain Pillow in the same run.

Run by hand: `python tests/benchmarks/bench_pictures.py [PHOTO.jpg] [SQUARE.png]`. Without arguments it makes its own
pictures. Every way runs in its own process, several times; CPU seconds and peak memory are medians.
"""

from __future__ import annotations

import io
import json
import math
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image, ImageOps

RUNS = 5
SIDE = (1024, 1024)
TARGETS = {"jpeg": {"CPU": 0.42, "memory": 0.30, "PSNR": 50.0}, "png": {"CPU": 0.67, "memory": 0.78}}
MAX_BYTES = 4_194_303


def plain(data: bytes) -> bytes:
    """The way everybody writes it."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize(SIDE, Image.Resampling.LANCZOS).convert("RGBA")
    buffer = io.BytesIO()
    square.save(buffer, "PNG")
    return buffer.getvalue()


def ours(data: bytes) -> bytes:
    from imagecli.domain import InputFit, InputRule, Size
    from imagecli.images.fit_input import fit_input
    from imagecli.images.header import read_header

    rule = InputRule(formats=("png",), max_bytes=MAX_BYTES, square=True)
    return fit_input(read_header(data, "photo"), rule, InputFit(input_size=Size(*SIDE))).image.data


def measure(way: str, path: str) -> None:
    """Runs in the child: one line of JSON on stdout, the result beside the source."""
    data = Path(path).read_bytes()
    started = time.process_time()
    result = {"plain": plain, "ours": ours}[way](data)
    spent = time.process_time() - started
    Path(f"{path}.{way}").write_bytes(result)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"CPU": spent, "memory": peak, "bytes": len(result)}))  # noqa: T201


def medians(way: str, path: Path) -> dict[str, float]:
    command = [sys.executable, __file__, "--measure", way, str(path)]
    runs = [json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(RUNS)]
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def psnr(one: Path, other: Path) -> float:
    first, second = (Image.open(path).convert("RGB").tobytes() for path in (one, other))
    error = sum((a - b) ** 2 for a, b in zip(first, second, strict=True)) / len(first)
    return 10 * math.log10(255**2 / error) if error else math.inf


def photograph(path: Path) -> None:
    """24 megapixels, on its side; grain on soft colours, as cameras make them."""
    soft = [
        Image.radial_gradient("L").rotate(turn).resize((4000, 6000), Image.Resampling.BICUBIC) for turn in (0, 90, 45)
    ]
    grain = Image.effect_noise((1000, 1500), 40).resize((4000, 6000), Image.Resampling.BICUBIC)
    image = Image.merge("RGB", [Image.blend(band, grain, 0.3) for band in soft])
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(path, "JPEG", quality=90, exif=exif)


def square(path: Path) -> None:
    """4096x4096 RGBA."""
    grain = Image.effect_noise((1024, 1024), 40).resize((4096, 4096), Image.Resampling.BICUBIC)
    soft = Image.radial_gradient("L").resize((4096, 4096))
    Image.merge("RGBA", (grain, soft, Image.blend(grain, soft, 0.5), soft)).save(path, "PNG", compress_level=1)


def made(way: str, path: Path) -> Path:
    """In a child: a process inherits the peak memory of the one that started it."""
    subprocess.run([sys.executable, __file__, "--make", way, str(path)], check=True)
    return path


def show(kind: str, path: Path) -> None:
    base, got = medians("plain", path), medians("ours", path)
    figures = {key: got[key] / base[key] for key in ("CPU", "memory")}
    if kind == "jpeg":
        figures["PSNR"] = psnr(Path(f"{path}.plain"), Path(f"{path}.ours"))
    lines = [f"{path.name}: plain Pillow {base['CPU']:.2f} s CPU, {base['memory']:.0f} MB"]
    for key, figure in figures.items():
        wanted = TARGETS[kind].get(key)
        lines.append(f"  {key:6} {figure:6.2f}   target {'>=' if key == 'PSNR' else '<='} {wanted}")
    lines.append(f"  bytes  {got['bytes']:,.0f}   under {MAX_BYTES + 1:,}")
    print("\n".join(lines))  # noqa: T201


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--measure"]:
        return measure(arguments[1], arguments[2])
    if arguments[:1] == ["--make"]:
        return {"photograph": photograph, "square": square}[arguments[1]](Path(arguments[2]))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        given = [home / f"{index}-{Path(name).name}" for index, name in enumerate(arguments)]
        for path, name in zip(given, arguments, strict=True):
            path.write_bytes(Path(name).read_bytes())
        show("jpeg", given[0] if given else made("photograph", home / "photo.jpg"))
        show("png", given[1] if len(given) > 1 else made("square", home / "square.png"))
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
