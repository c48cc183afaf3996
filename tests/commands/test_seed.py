"""`--seed`: the same images for the same seed, where the provider's row says that it accepts one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Run, photo

SANDBOX = ("--provider", "sandbox", "-s", "1024x1024", "--quality", "low")
LOCAL = ("--provider", "lemonade", "--dry-run", "--json", "-m", "flux")


def bodies(imagecli: Run, *words: object) -> list[dict[str, Any]]:
    result = imagecli(*words)
    assert result.exit_code == 0, result.stderr
    return [request["body"] for request in result.json["requests"]]


def test_the_same_seed_gives_the_same_image_in_another_command(imagecli: Run, folder: Path) -> None:
    for name, seed in (("a", 7), ("b", 7), ("c", 8)):
        assert imagecli("generate", "a cat", "--seed", seed, "-o", f"{name}.png", *SANDBOX).exit_code == 0
    a, b, c = ((folder / f"{name}.png").read_bytes() for name in "abc")
    assert a == b != c


def test_requests_of_one_image_each_have_different_seeds(imagecli: Run) -> None:
    assert [body["seed"] for body in bodies(imagecli, "generate", "a cat", "-n", 3, "--seed", 7, *LOCAL)] == [7, 8, 9]


def test_a_skipped_image_keeps_its_seed(imagecli: Run, folder: Path) -> None:
    photo(folder / "cat-1.png")
    skipping = ("-n", 2, "-o", "cat-{n}.png", "--if-exists", "skip")
    assert [body["seed"] for body in bodies(imagecli, "generate", "a cat", "--seed", 7, *skipping, *LOCAL)] == [8]


def test_prompts_of_one_command_share_the_seed(imagecli: Run) -> None:
    words = ("--var", "pet=cat", "--var", "pet=dog", "--seed", 7)
    assert [body["seed"] for body in bodies(imagecli, "generate", "a {pet}", *words, *LOCAL)] == [7, 7]


@pytest.mark.parametrize("provider", ["openai", "xai", "zhipu"])
def test_a_provider_without_seed_refuses_it_with_a_hint(imagecli: Run, provider: str) -> None:
    result = imagecli("generate", "a cat", "--seed", 7, "--provider", provider, "--dry-run")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"imagecli: error: --seed: not documented for provider {provider}",
        "hint: omit --seed, or send it anyway with --param seed=7",
    ]
    (body,) = bodies(imagecli, "generate", "a cat", "--param", "seed=7", "--provider", provider, "--dry-run", "--json")
    assert body["seed"] == 7


def test_two_seeds_are_an_error(imagecli: Run) -> None:
    result = imagecli("generate", "a cat", "--seed", 7, "--param", "seed=8", *SANDBOX)
    assert (result.exit_code, "--param seed: can't be used with --seed" in result.stderr) == (2, True)


def test_a_row_is_requested_again_when_its_seed_changes_and_only_then(imagecli: Run, folder: Path) -> None:
    manifest = folder / "m.jsonl"

    def run(seed: int) -> tuple[int, int]:
        row = {"prompt": "a cat", "output": "a.png", "quality": "low", "size": "1024x1024", "seed": seed}
        manifest.write_text(json.dumps(row))
        summary = json.loads(imagecli("batch", "m.jsonl", "--provider", "sandbox", "--json").stdout.splitlines()[-1])
        return summary["summary"]["bought"], summary["summary"]["kept"]

    assert run(7) == (1, 0)
    first = (folder / "a.png").read_bytes()
    assert run(7) == (0, 1)
    assert run(8) == (1, 0)
    assert (folder / "a.png").read_bytes() != first
    assert run(7) == (1, 0)
    assert (folder / "a.png").read_bytes() == first


def test_images_of_a_row_that_are_missing_keep_their_seeds(imagecli: Run, folder: Path) -> None:
    row = {"prompt": "a cat", "output": "a-{n}.png", "n": 3, "seed": 7, "quality": "low", "size": "1024x1024"}
    (folder / "m.jsonl").write_text(json.dumps(row))
    assert imagecli("batch", "m.jsonl", "--provider", "sandbox").exit_code == 0
    images = {path.name: path.read_bytes() for path in folder.glob("*.png")}
    assert len(set(images.values())) == 3
    (folder / "a-2.png").unlink()
    assert imagecli("batch", "m.jsonl", "--provider", "sandbox").exit_code == 0
    assert {path.name: path.read_bytes() for path in folder.glob("*.png")} == images
