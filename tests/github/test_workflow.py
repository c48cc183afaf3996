"""README's workflow and the Action, run on machines without GitHub, against a server that counts requests."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.batch.serving import Server, refusal, serving
from tests.conftest import photo
from tests.github.commands import read_log
from tests.github.machines import ROOT, Hub, Job, parsed
from tests.github.readme import FILES, MANIFEST, block

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not shutil.which("git"), reason="git is not installed"),
]

WORKFLOW = parsed(block("yaml", "# .github/workflows/assets.yml"))
ACTION = parsed((ROOT / ".github/actions/batch/action.yml").read_text("utf-8"))
KEY = "sk-test-of-the-workflow"
PROMPTS = [
    "a lighthouse at dusk, flat colors",
    "a bell, as an icon on white",
    "a cat in a hat",
    "a owl in a hat",
    "the same place in winter",
]


def git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=me", "-c", "user.email=me@localhost", *words]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as running:
        yield running


def make_repository(folder: Path) -> Path:
    """A repository with README's manifest, pushed from the clone that is returned."""
    git(folder, "init", "--quiet", "--bare", "--initial-branch", "main", "origin.git")
    git(folder, "clone", "--quiet", "origin.git", "clone")
    clone = folder / "clone"
    (clone / "assets.toml").write_text(MANIFEST)
    (clone / ".gitignore").write_text(block("gitignore"))
    photo(clone / "photo.jpg")
    push(clone)
    return clone


def make_hub(folder: Path, base_url: str) -> Hub:
    """The repository with its secret, on machines that have imagecli and whose OpenAI is at *base_url*."""
    place = folder / "hub"
    place.mkdir()
    return Hub(
        root=place,
        origin=folder / "origin.git",
        secrets={"OPENAI_API_KEY": KEY},
        environ={"OPENAI_BASE_URL": base_url},
        inputs={"package": "none"},
    )


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of a new repository with README's manifest; what is committed in it is pushed."""
    return make_repository(tmp_path)


def push(folder: Path) -> None:
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "Assets")
    git(folder, "push", "--quiet", "origin", "HEAD:main")


def edit(folder: Path, old: str, new: str) -> None:
    git(folder, "pull", "--quiet", "origin", "main")
    path = folder / "assets.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    push(folder)


@pytest.fixture
def hub(tmp_path: Path, clone: Path, server: Server) -> Hub:
    """The repository before its first run; its OpenAI is *server*."""
    return make_hub(tmp_path, server.base_url)


def known_prompts(prompts: list[str]) -> list[str]:
    """The prompts of all requests, sorted; an edit's is a part of its form."""
    return sorted(next((known for known in PROMPTS if known in prompt), prompt) for prompt in prompts)


def all_jobs(ran: dict[str, list[Job]]) -> list[Job]:
    return [job for jobs in ran.values() for job in jobs]


def head(hub: Hub) -> str:
    """The last commit of the repository's branch."""
    return git(hub.root, "ls-remote", str(hub.origin), "main")


def repository_files(hub: Hub, place: Path) -> list[str]:
    """The files of the repository, in a new clone at *place*."""
    git(hub.root, "clone", "--quiet", str(hub.origin), str(place))
    return git(place, "ls-files").split()


# --- README's workflow -----------------------------------------------------------------------------------------------


def test_three_machines_request_each_row_once_and_later_runs_edited_rows(
    hub: Hub, server: Server, tmp_path: Path
) -> None:
    """The first push, a second run, a pull request with an edited row, and the push of that: one run needs the other,
    and each takes seconds.
    """
    ran = hub.run(WORKFLOW)
    check_first_run(ran, repository_files(hub, tmp_path / "fresh"))
    assert known_prompts(server.prompts) == sorted(PROMPTS)
    # The key reaches the provider, and no log.
    assert set(server.authorizations) == {f"Bearer {KEY}"}
    assert KEY not in "".join(job.log + job.summary for job in all_jobs(ran))

    # A second run sends nothing and commits nothing.
    commit = head(hub)
    assert all(job.ok for job in all_jobs(hub.run(WORKFLOW)))
    assert (len(server.prompts), head(hub)) == (len(PROMPTS), commit)

    # The sandbox of a pull request keeps paid images, with a note.
    edit(tmp_path / "clone", "at dusk", "at dawn")
    check_sandbox_keeps_paid_images(hub, server, "pull_request")

    # An edited row is requested by one machine.
    assert all(job.ok for job in all_jobs(hub.run(WORKFLOW)))
    assert server.prompts[len(PROMPTS) :] == ["a lighthouse at dawn, flat colors"]


def check_first_run(ran: dict[str, list[Job]], files: list[str]) -> None:
    """All five rows are created, by three machines, and the results are in the repository."""
    logs = "\n".join(job.log for job in all_jobs(ran))
    assert all(job.ok for job in all_jobs(ran)), logs
    assert [len(jobs) for jobs in ran.values()] == [3, 1]
    assert [name for name in files if name in FILES] == [*FILES]
    assert sum(".journal." in name for name in files) == 3
    assert not [name for name in files if "failed" in name or name.endswith((".lock", ".tar"))]
    assert "all 5 up to date" in ran["merge"][0].log
    assert "<p>5 up to date; exit 0</p>" in ran["merge"][0].summary


def check_sandbox_keeps_paid_images(hub: Hub, server: Server, event: str) -> None:
    """A sandbox run changes nothing if a row with a paid image has been edited."""
    commit, request_count = head(hub), len(server.prompts)
    ran = hub.run(WORKFLOW, event)
    assert all(job.ok for job in all_jobs(ran))
    warnings = [one.message for one in read_log(ran["merge"][0].log).commands if one.name == "warning"]
    assert warnings == [
        "img/hero.webp is stale (its row or an input has changed), but the sandbox never overwrites paid images"
    ]
    assert (len(server.prompts), head(hub)) == (request_count, commit)


@pytest.mark.nightly
def test_the_sandbox_keeps_paid_images_when_a_push_has_no_key(hub: Hub, server: Server, tmp_path: Path) -> None:
    hub.run(WORKFLOW)
    edit(tmp_path / "clone", "at dusk", "at dawn")
    hub.secrets = {}
    check_sandbox_keeps_paid_images(hub, server, "push")


def test_images_of_other_shards_are_kept_when_one_fails(tmp_path: Path, hub: Hub) -> None:
    wrong = {"a cat in a hat"}
    with serving(lambda fields: refusal("400 Bad Request", "x") if fields["prompt"] in wrong else None) as server:
        hub.environ = {"OPENAI_BASE_URL": server.base_url}
        ran = hub.run(WORKFLOW)
        assert sorted(job.ok for job in ran["make"]) == [False, True, True]
        (merge,) = ran["merge"]
        errors = [one for one in read_log(merge.log).commands if one.name == "error"]
        assert (merge.ok, [one.message for one in errors]) == (False, ["animals/cat.png is missing"])
        assert "animals/owl.png" in repository_files(hub, tmp_path / "fresh")
        request_count = len(server.prompts)
        wrong.clear()
        again = hub.run(WORKFLOW)
        assert all(job.ok for job in all_jobs(again))
        assert server.prompts[request_count:] == ["a cat in a hat"]


def test_a_forks_pull_request_uses_the_sandbox_and_commits_nothing(hub: Hub, server: Server, clone: Path) -> None:
    """The next run with a key requests its images."""
    commit = head(hub)
    key, hub.secrets = hub.secrets, {}
    ran = hub.run(WORKFLOW, "pull_request")
    assert all(job.ok for job in all_jobs(ran)), ran
    assert "all 5 up to date" in ran["merge"][0].log
    assert (server.prompts, head(hub), hub.caches) == ([], commit, {})

    for one in ran["make"]:
        for path in one.folder.rglob("*.journal.*"):
            (clone / path.name).write_bytes(path.read_bytes())
        for name in FILES:
            if (one.folder / name).exists():
                (clone / name).parent.mkdir(exist_ok=True)
                (clone / name).write_bytes((one.folder / name).read_bytes())
    push(clone)
    hub.secrets = key
    assert all(job.ok for job in all_jobs(hub.run(WORKFLOW)))
    assert known_prompts(server.prompts) == sorted(PROMPTS)


# --- the Action ------------------------------------------------------------------------------------------------------

CACHING = """
jobs:
  one:
    steps:
      - uses: actions/checkout@v6
      - uses: OWNER/imagecli/.github/actions/batch@main
        with:
          manifest: assets.toml
          provider: ${{ secrets.OPENAI_API_KEY && 'openai' || 'sandbox' }}
          api-key: ${{ secrets.OPENAI_API_KEY }}
          cache: |
            img
            icons/*
            animals/
"""


def test_images_that_are_not_committed_come_from_the_cache(hub: Hub, server: Server, clone: Path) -> None:
    caching = parsed(CACHING)
    (first,) = hub.run(caching)["one"]
    assert (first.ok, len(server.prompts), len(hub.caches)) == (True, 5, 1), first.log
    (again,) = hub.run(caching)["one"]
    assert (again.ok, len(server.prompts), len(hub.caches)) == (True, 5, 1)
    assert again.steps[-1].outputs == {"exit-code": "0", "bought": "0", "failed": "0", "cost-usd": "0"}
    edit(clone, "at dusk", "at dawn")
    (edited,) = hub.run(caching)["one"]
    assert (edited.ok, len(server.prompts), len(hub.caches)) == (True, 6, 2)
    assert edited.steps[-1].outputs["bought"] == "1"
    assert float(edited.steps[-1].outputs["cost-usd"]) > 0


def test_images_created_before_a_failure_are_cached_and_the_step_fails(hub: Hub) -> None:
    with serving(lambda fields: refusal("400 Bad Request", "x") if "owl" in fields["prompt"] else None) as server:
        hub.environ = {"OPENAI_BASE_URL": server.base_url}
        (job,) = hub.run(parsed(CACHING))["one"]
        assert (job.ok, job.steps[-1].outputs["exit-code"], len(hub.caches)) == (False, "9", 1)
        (again,) = hub.run(parsed(CACHING))["one"]
        assert (again.steps[-1].outputs["bought"], len(server.prompts)) == ("0", 6)


def test_a_fork_reads_the_cache_and_saves_nothing(hub: Hub, server: Server) -> None:
    hub.run(parsed(CACHING))
    caches, hub.secrets = list(hub.caches), {}
    (job,) = hub.run(parsed(CACHING), "pull_request")["one"]
    assert (job.ok, job.steps[-1].outputs["bought"], list(hub.caches), len(server.prompts)) == (True, "0", caches, 5)
    hub.caches.clear()
    (job,) = hub.run(parsed(CACHING), "pull_request")["one"]
    assert (job.ok, job.steps[-1].outputs["bought"], hub.caches, len(server.prompts)) == (True, "5", {}, 5)


def test_inputs_reach_scripts_by_their_environment_alone_and_the_key_one_step() -> None:
    steps = ACTION["runs"]["steps"]
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]
    with_key = [step for step in steps if "api-key" in str(step)]
    assert [step["id"] for step in with_key] == ["run"]
    assert with_key[0]["env"]["API_KEY"] == "${{ inputs.api-key }}"
    assert all(step.get("shell") == "bash" for step in steps if "run" in step)


def test_actions_are_pinned_by_commit_and_name_their_version() -> None:
    """Also where people copy from; a release of our own can't be named before it exists."""
    copied = (".github/actions/batch/action.yml", ".github/actions/batch/README.md", "README.md")
    texts = [(ROOT / path).read_text("utf-8") for path in copied]
    uses = [line for text in texts for line in re.findall(r"^[ -]*uses: (.*)$", text, re.M)]
    assert len(uses) >= 8
    ours = "OWNER/imagecli/.github/actions/batch@COMMIT"
    assert all(re.fullmatch(r"actions/[a-z/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", use) for use in uses if use != ours)
    known = dict(use.split("  # ") for use in uses if use != ours)
    assert len({(re.sub("/.*@", "@", use.partition("/")[2]), version) for use, version in known.items()}) == 5


def test_no_expression_is_part_of_a_script_that_people_copy() -> None:
    steps = [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]
    assert not [step["run"] for step in steps if "${{" in step.get("run", "")]


HOSTILE_MODULE = "open('hacked', 'w').close()\n"


def wheel(path: Path) -> None:
    """A wheel of one empty module, so that pip installs without a network."""
    files = {
        "quiet_tool.py": "",
        "quiet_tool-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: quiet-tool\nVersion: 1.0\n",
        "quiet_tool-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "quiet_tool-1.0.dist-info/RECORD"
    path.parent.mkdir(parents=True)
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in {**files, record: "".join(f"{name},,\n" for name in [*files, record])}.items():
            archive.writestr(name, text)


@pytest.mark.parametrize("package", ["{}", pytest.param("./{}", marks=pytest.mark.nightly), "{clone}/{}"])
def test_no_module_of_the_workspace_is_run(hub: Hub, clone: Path, tmp_path: Path, package: str) -> None:
    """Neither by pip, which installs a wheel by a path from the workspace, nor by the steps after it."""
    for name in ("pip", "json", "batch_output", "batch_summary", "subprocess", "imagecli", "sitecustomize"):
        (clone / f"{name}.py").write_text(HOSTILE_MODULE)
    wheel(clone / "wheels" / "quiet_tool-1.0-py3-none-any.whl")
    push(clone)
    hub.inputs = {"package": package.format("wheels/quiet_tool-1.0-py3-none-any.whl", clone=clone)}
    hub.environ |= {"PIP_TARGET": str(tmp_path / "installed"), "PIP_NO_INDEX": "1"}
    (job,) = hub.run(parsed(CACHING))["one"]
    assert job.ok, job.log
    assert (tmp_path / "installed" / "quiet_tool.py").exists()
    assert list(job.folder.rglob("hacked")) == []


@pytest.mark.parametrize("manifest", ["$(touch hacked).toml", "a'; touch hacked; '.toml", '"; touch hacked #.toml'])
def test_an_input_is_never_run(hub: Hub, manifest: str) -> None:
    workflow = parsed(CACHING)
    inputs = workflow["jobs"]["one"]["steps"][1]["with"]
    inputs |= {"manifest": manifest, "shard": manifest, "args": manifest.replace("'", ""), "max-cost": manifest}
    (job,) = hub.run(workflow)["one"]
    assert (job.ok, list(job.folder.rglob("*hacked"))) == (False, [])


def uses_of_the_action() -> Iterator[dict[str, str]]:
    for job in WORKFLOW["jobs"].values():
        yield from (step["with"] for step in job["steps"] if "/.github/actions/batch@" in step.get("uses", ""))


def test_the_workflow_uses_only_inputs_of_the_action() -> None:
    given = list(uses_of_the_action())
    assert len(given) == 2
    assert all(set(one) <= set(ACTION["inputs"]) for one in given)
