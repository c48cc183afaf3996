"""CPU of fitting a photo, sending a region of it and composing the result, as multiples of plain Pillow.\n\nRun by
hand: `python tests/benchmarks/bench_images.py [PHOTO.jpg] [SQUARE.png]`. Without arguments it creates its own\nimages.
Every way runs in its own process, several times; CPU seconds and peak memory are medians of one run, and the\nways take
turns. ImageMagick takes part if it is installed, pyvips if PYVIPS_PYTHON names a Python that has it."""

from __future__ import annotations

import io
import json
import math
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageOps, ImageStat

RUNS = 5
SIDE = (1024, 1024)
REGION, SENT, MASK = (2880, 1320, 5280, 3720), (1920, 1920), (3480, 1920, 4680, 3120)
"""Of the photograph: what is sent, its size as it is sent, and what the model may change."""
FEATHER = 31
TARGETS = {
    "jpeg": {"CPU": 0.42, "memory": 0.30, "PSNR": 50.0},
    "png": {"CPU": 0.67, "memory": 0.78},
}
MAX_BYTES = 4_194_303
ORIENTATION = 0x0112


def save(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def upright(data: bytes) -> Image.Image:
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    assert image is not None
    return image


# --- plain Pillow: the usual code ------------------------------------------------------------------------------------


def plain_square(data: bytes) -> bytes:
    image = upright(data)
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side)).resize(SIDE, Image.Resampling.LANCZOS).convert("RGBA")
    return save(square, "PNG")


def plain_region(data: bytes) -> bytes:
    """With the mask, as imagecli makes it; the other ways make only the image."""
    image = upright(data)
    mask = Image.new("RGBA", image.size, (0, 0, 0, 255))
    mask.paste((255, 255, 255, 0), MASK)
    save(mask.crop(REGION).resize(SENT, Image.Resampling.NEAREST), "PNG")
    return save(image.crop(REGION).resize(SENT, Image.Resampling.LANCZOS), "JPEG", quality=95, subsampling=0)


def plain_compose(data: bytes) -> bytes:
    image, result = upright(data), Image.new("RGB", SENT, "tan")
    patch = result.resize((REGION[2] - REGION[0], REGION[3] - REGION[1]), Image.Resampling.LANCZOS)
    mask = Image.new("L", image.size)
    inner = (MASK[0] + FEATHER, MASK[1] + FEATHER, MASK[2] - FEATHER, MASK[3] - FEATHER)
    mask.paste(255, inner)
    mask = mask.filter(ImageFilter.GaussianBlur(FEATHER / 3))
    whole = Image.new("RGB", image.size)
    whole.paste(patch, REGION[:2])
    return save(Image.composite(whole, image, mask), "PNG")


# --- imagecli --------------------------------------------------------------------------------------------------------


def ours_square(data: bytes) -> bytes:
    from imagecli.domain import InputFit, InputRule, Size
    from imagecli.images.fit_input import fit_input
    from imagecli.images.header import read_header

    rule = InputRule(formats=("png",), max_bytes=MAX_BYTES, square=True)
    return fit_input(read_header(data, "photo"), rule, InputFit(input_size=Size(*SIDE))).image.data


def send_region(data: bytes) -> Any:
    from imagecli.catalog.size_rule import SizeRule
    from imagecli.domain import CompositionOptions, InputFit, InputRule, Length, MaskShape, MaskSource, Size
    from imagecli.images.fit_region import fit_region
    from imagecli.images.header import read_header

    image_rule = InputRule(formats=("png", "jpeg"), max_bytes=50_000_000)
    mask_rule = InputRule(formats=("png",), max_bytes=MAX_BYTES, alpha=True)
    box = tuple(map(Length, (MASK[0], MASK[1], MASK[2] - MASK[0], MASK[3] - MASK[1])))
    mask = MaskSource(shapes=(MaskShape("rect", box),))
    options = CompositionOptions(crop_padding=Length(MASK[0] - REGION[0]))
    rules = (image_rule, mask_rule, SizeRule())
    return fit_region(read_header(data, "photo"), mask, None, options, rules, Size(*SENT), InputFit())


def ours_region(data: bytes) -> bytes:
    sent: bytes = send_region(data).image.image.data
    return sent


def ours_compose(data: bytes) -> bytes:
    """With the mask as the spool holds it."""
    from imagecli.images.compose import compose
    from imagecli.images.convert_output import encode_pixels

    composition = json.loads(Path(os.environ["COMPOSITION"]).read_text())
    composed = compose(data, save(Image.new("RGB", SENT, "tan"), "PNG"), build_composition(composition))
    return encode_pixels(composed.pixels, "png", "compositeWithTrainedAlgorithmicMedia", None, None, None)


def build_composition(fields: dict[str, Any]) -> Any:
    from imagecli.prepared_call import Composition

    boxes = {name: tuple(fields[name]) for name in ("canvas", "region", "mask_box")}
    return Composition(**(fields | boxes))


# --- libvips and ImageMagick -----------------------------------------------------------------------------------------


def pyvips_square(data: bytes) -> bytes:
    import pyvips  # type: ignore[import-not-found]

    image = pyvips.Image.thumbnail_buffer(data, *SIDE[:1], height=SIDE[1], crop="centre")
    alpha = image if image.hasalpha() else image.bandjoin(255)
    written: bytes = alpha.write_to_buffer(".png", strip=True)
    return written


def pyvips_region(data: bytes) -> bytes:
    import pyvips

    image = pyvips.Image.new_from_buffer(data, "").autorot()
    part = image.crop(REGION[0], REGION[1], REGION[2] - REGION[0], REGION[3] - REGION[1])
    written: bytes = part.resize(SENT[0] / part.width).write_to_buffer(".jpg", Q=95, subsample_mode="off", strip=True)
    return written


def magick(data: bytes, *arguments: str, format: str) -> bytes:
    program = shutil.which("magick") or "convert"
    command = [program, "-", "-auto-orient", *arguments, "-strip", f"{format}:-"]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout


def magick_square(data: bytes) -> bytes:
    size = f"{SIDE[0]}x{SIDE[1]}"
    return magick(data, "-resize", f"{size}^", "-gravity", "center", "-extent", size, "-alpha", "set", format="png")


def magick_region(data: bytes) -> bytes:
    crop = f"{REGION[2] - REGION[0]}x{REGION[3] - REGION[1]}+{REGION[0]}+{REGION[1]}"
    options = (
        "-crop",
        crop,
        "+repage",
        "-resize",
        f"{SENT[0]}x{SENT[1]}!",
        "-quality",
        "95",
        "-sampling-factor",
        "1x1",
    )
    return magick(data, *options, format="jpeg")


WAYS = {
    "square": {"plain": plain_square, "ours": ours_square, "pyvips": pyvips_square, "ImageMagick": magick_square},
    "region": {"plain": plain_region, "ours": ours_region, "pyvips": pyvips_region, "ImageMagick": magick_region},
    "compose": {"plain": plain_compose, "ours": ours_compose},
}
"""Task → how it is done: the name of the way and its function."""
COMPARED = ("jpeg", "region")
"""The lines whose results are compared with that of plain Pillow."""
KINDS = {"jpeg": "square", "png": "square", "region": "region", "compose": "compose"}
"""Line of the table → its task."""


def measure(task: str, way: str, path: str) -> None:
    """Runs in the child: one line of JSON on stdout, the result beside the source."""
    data = Path(path).read_bytes()
    started = time.process_time()
    result = WAYS[task][way](data)
    spent = time.process_time() - started
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent += children.ru_utime + children.ru_stime
    Path(f"{path}.{task}.{way}").write_bytes(result)
    peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, children.ru_maxrss) / 1024
    print(json.dumps({"CPU": spent, "memory": peak, "bytes": len(result)}))  # noqa: T201


def run_once(task: str, way: str, path: Path) -> dict[str, float]:
    python = os.environ["PYVIPS_PYTHON"] if way == "pyvips" else sys.executable
    command = [python, __file__, "--measure", task, way, str(path)]
    done = subprocess.run(command, check=True, capture_output=True, env={**os.environ, "VIPS_CONCURRENCY": "1"})
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def medians(task: str, ways: list[str], path: Path) -> dict[str, dict[str, float]]:
    """Way → its figures. The ways take turns, so that other load affects all of them."""
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(RUNS):
        for way in ways:
            runs[way].append(run_once(task, way, path))
    return {way: {key: statistics.median(run[key] for run in done) for key in done[0]} for way, done in runs.items()}


def psnr(one: Path, other: Path) -> float:
    first, second = (Image.open(path).convert("RGB") for path in (one, other))
    error = statistics.fmean(ImageStat.Stat(ImageChops.difference(first, second)).rms[band] ** 2 for band in range(3))
    return 10 * math.log10(255**2 / error) if error else math.inf


def photograph(path: Path) -> None:
    """24 megapixels, rotated; grain on soft colors, as in a camera's photo."""
    soft = [
        Image.radial_gradient("L").rotate(turn).resize((4000, 6000), Image.Resampling.BICUBIC) for turn in (0, 90, 45)
    ]
    grain = Image.effect_noise((1000, 1500), 40).resize((4000, 6000), Image.Resampling.BICUBIC)
    image = Image.merge("RGB", [Image.blend(band, grain, 0.3) for band in soft])
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    image.save(path, "JPEG", quality=90, exif=exif)


def square(path: Path) -> None:
    """4096x4096 RGBA."""
    grain = Image.effect_noise((1024, 1024), 40).resize((4096, 4096), Image.Resampling.BICUBIC)
    soft = Image.radial_gradient("L").resize((4096, 4096))
    Image.merge("RGBA", (grain, soft, Image.blend(grain, soft, 0.5), soft)).save(path, "PNG", compress_level=1)


def composition(path: Path) -> None:
    """The composition in the spool for the photo beside *path*."""
    fields = send_region(path.with_name("photo.jpg").read_bytes()).composition._asdict()
    path.write_text(json.dumps(fields))


def create_input(what: str, path: Path) -> Path:
    """In a child: a process inherits the peak memory of the one that started it."""
    subprocess.run([sys.executable, __file__, "--make", what, str(path)], check=True)
    return path


def installed(task: str) -> list[str]:
    """The ways of *task* that this machine has."""
    missing = set()
    if not os.environ.get("PYVIPS_PYTHON"):
        missing.add("pyvips")
    if not (shutil.which("magick") or shutil.which("convert")):
        missing.add("ImageMagick")
    return [way for way in WAYS[task] if way not in missing]


def show(kind: str, path: Path) -> None:
    task = KINDS[kind]
    ways = installed(task)
    results = medians(task, ways, path)
    base = results["plain"]
    lines = [f"{kind}, {path.name}: plain Pillow {base['CPU']:.2f} s CPU, {base['memory']:.0f} MB"]
    for way in ways[1:]:
        figures = {key: results[way][key] / base[key] for key in ("CPU", "memory")}
        if kind in COMPARED:
            figures["PSNR"] = psnr(Path(f"{path}.{task}.plain"), Path(f"{path}.{task}.{way}"))
        ratios = ", ".join(f"{key} {figure:.2f}" for key, figure in figures.items())
        lines.append(f"  {way:12} {ratios}, {results[way]['bytes']:,.0f} bytes")
    if targets := TARGETS.get(kind):
        words = [f"{key} {'>=' if key == 'PSNR' else '<='} {value}" for key, value in targets.items()]
        lines.append(f"  {'target':12} {', '.join(words)}, {MAX_BYTES:,} bytes")
    print("\n".join(lines), flush=True)  # noqa: T201


def main(arguments: list[str]) -> None:
    if arguments[:1] == ["--measure"]:
        return measure(*arguments[1:4])
    if arguments[:1] == ["--make"]:
        makers = {"photograph": photograph, "square": square, "composition": composition}
        return makers[arguments[1]](Path(arguments[2]))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        given = [home / f"{index}-{Path(name).name}" for index, name in enumerate(arguments)]
        for path, name in zip(given, arguments, strict=True):
            path.write_bytes(Path(name).read_bytes())
        photo = create_input("photograph", home / "photo.jpg")
        os.environ["COMPOSITION"] = str(create_input("composition", home / "composition.json"))
        show("jpeg", given[0] if given else photo)
        show("png", given[1] if len(given) > 1 else create_input("square", home / "square.png"))
        show("region", photo)
        show("compose", photo)
    return None


if __name__ == "__main__":
    main(sys.argv[1:])
