"""The examples of `imagecli help scale`: read out of the topic, and run. Each shards one manifest."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.batch.serving import Server
from tests.documents import TOPICS
from tests.github.assets_folder import is_complete, needs, saved, shell
from tests.github.readme import FILES, block

MAKEFILE = block("make", "# Makefile\n")
PARALLEL = block("sh parallel").strip()
SLURM = block("sh slurm")
SNAKEFILE = block("python snakefile")
JOB: dict[str, Any] = yaml.safe_load(block("yaml job"))


@pytest.fixture
def makefile(assets: Path) -> None:
    (assets / "Makefile").write_text(MAKEFILE)


# --- one machine -----------------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.usefixtures("makefile")
@needs("make")
def test_make_creates_what_is_missing_and_check_fails_if_something_is(assets: Path, server: Server) -> None:
    before = shell(assets, server, "make", "check")
    assert (before.returncode, server.prompts) == (2, [])
    assert "5 of 5 missing or stale" in before.stderr
    assert shell(assets, server, "make", "assets").returncode == 0
    assert (len(server.prompts), is_complete(assets, server)) == (5, True)
    assert shell(assets, server, "make", "check").returncode == 0
    assert shell(assets, server, "make", "assets").returncode == 0
    assert len(server.prompts) == 5


@pytest.mark.slow
@pytest.mark.usefixtures("makefile")
@needs("make")
def test_make_shares_a_manifest_between_processes(assets: Path, server: Server) -> None:
    done = shell(assets, server, "make", "-j3", "parts")
    assert done.returncode == 0, done.stderr
    assert (len(server.prompts), is_complete(assets, server)) == (5, True)
    assert len(list(assets.glob("assets.journal.?-3.jsonl"))) == 3


@needs("parallel")
def test_parallel_shares_a_manifest_between_processes(assets: Path, server: Server) -> None:
    done = shell(assets, server, "bash", "-c", PARALLEL)
    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.split()) == [*FILES]
    assert (len(server.prompts), is_complete(assets, server)) == (5, True)
    again = shell(assets, server, "bash", "-c", PARALLEL)
    assert (again.returncode, again.stdout, len(server.prompts)) == (0, "", 5)


# --- Slurm -----------------------------------------------------------------------------------------------------------


def slurm_options(script: str) -> dict[str, str]:
    """Option → value of the script's `#SBATCH` lines, which sbatch reads up to the first command."""
    head = script[: re.search(r"^[^#\n]", script, re.M).start()]  # type: ignore[union-attr]
    return dict(re.findall(r"^#SBATCH --([\w-]+)(?:=(\S+))?", head, re.M))


@pytest.mark.slow
def test_the_tasks_of_the_slurm_script_create_all_shards(assets: Path, server: Server) -> None:
    """By the variables that Slurm sets, without Slurm."""
    options = slurm_options(SLURM)
    first, last = (int(number) for number in options["array"].split("-"))
    assert "requeue" in options
    (assets / "assets.sbatch").write_text(SLURM)
    for task in range(first, last + 1):
        done = shell(assets, server, "bash", "assets.sbatch", SLURM_ARRAY_TASK_ID=str(task))
        assert done.returncode == 0, done.stderr
    assert (len(server.prompts), is_complete(assets, server)) == (5, True)


def test_a_task_outside_of_the_slurm_array_sends_nothing(assets: Path, server: Server) -> None:
    beyond = int(slurm_options(SLURM)["array"].partition("-")[2]) + 1
    done = shell(assets, server, "bash", "-c", SLURM, SLURM_ARRAY_TASK_ID=str(beyond))
    assert (done.returncode, server.prompts, saved(assets)) == (2, [], [])
    assert "invalid shard" in done.stderr


@pytest.mark.slow
@needs("sbatch")
def test_slurm_runs_the_script(assets: Path, server: Server) -> None:
    if subprocess.run(["timeout", "10", "sinfo"], capture_output=True, timeout=60).returncode:
        pytest.skip("no Slurm cluster answers")
    (assets / "assets.sbatch").write_text(SLURM)
    done = shell(assets, server, "sbatch", "--wait", "assets.sbatch")
    logs = "\n".join(path.read_text() for path in assets.glob("assets.*.log"))
    assert done.returncode == 0, done.stderr + logs
    assert (len(server.prompts), is_complete(assets, server)) == (5, True), logs


# --- Kubernetes ------------------------------------------------------------------------------------------------------


def expanded(argument: str, variables: dict[str, str]) -> str:
    """*argument* of a container as the kubelet passes it: `$$` is `$`, and unknown references stay as they are."""
    return re.sub(
        r"\$(\$|\(([^)]*)\))", lambda match: "$" if match[1] == "$" else variables.get(match[2], match[0]), argument
    )


@pytest.mark.slow
def test_the_pods_of_the_kubernetes_job_create_all_shards(assets: Path, server: Server) -> None:
    spec = JOB["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert spec["completions"] == int(container["args"][0].partition("))/")[2].partition('"')[0])
    for index in range(spec["completions"]):
        variables = {"JOB_COMPLETION_INDEX": str(index)}
        words = [expanded(word, variables) for word in (*container["command"], *container["args"])]
        done = shell(assets, server, *words, **variables)
        assert done.returncode == 0, done.stderr
    assert (len(server.prompts), is_complete(assets, server)) == (5, True)


def test_the_kubernetes_job_resumes_evicted_pods_and_keeps_its_state() -> None:
    spec, pod = JOB["spec"], JOB["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    environ = {variable["name"]: variable for variable in container["env"]}
    (mount,), (volume,) = container["volumeMounts"], pod["volumes"]
    assert (JOB["apiVersion"], JOB["kind"], spec["completionMode"]) == ("batch/v1", "Job", "Indexed")
    assert pod["restartPolicy"] == "Never", "a podFailurePolicy needs it"
    assert mount["name"] == volume["name"]
    assert container["workingDir"] == mount["mountPath"]
    assert environ["IMAGECLI_STATE_DIR"]["value"].startswith(f"{mount['mountPath']}/")
    assert {"name", "key"} == set(environ["OPENAI_API_KEY"]["valueFrom"]["secretKeyRef"])
    assert "value" not in environ["OPENAI_API_KEY"]
    (key,) = re.findall(r"--from-file=([\w-]+)=", (TOPICS / "scale.md").read_text("utf-8"))
    assert environ["OPENAI_API_KEY"]["valueFrom"]["secretKeyRef"]["key"] == key


def test_the_kubernetes_job_gives_up_only_on_errors_that_another_attempt_does_not_fix() -> None:
    fail, ignore = JOB["spec"]["podFailurePolicy"]["rules"]
    (container,) = JOB["spec"]["template"]["spec"]["containers"]
    assert fail["action"] == "FailIndex"
    assert fail["onExitCodes"] == {"containerName": container["name"], "operator": "In", "values": [2, 3, 4, 5]}
    assert ignore == {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]}


# --- Snakemake -------------------------------------------------------------------------------------------------------


def test_the_snakefile_plans_the_shards_that_have_work(assets: Path, server: Server) -> None:
    """Its function alone, which is Python: `rule` is Snakemake's."""
    program = SNAKEFILE.partition("\nrule ")[0] + "\nprint(json.dumps([outputs(f'{k}/3') for k in (1, 2, 3)]))\n"
    before = json.loads(shell(assets, server, "python", "-c", program).stdout)
    assert sorted(path for shard in before for path in shard) == [*FILES]
    assert shell(assets, server, "imagecli", "batch", "assets.toml").returncode == 0
    (assets / FILES[0]).unlink()
    after = json.loads(shell(assets, server, "python", "-c", program).stdout)
    assert [path for shard in after for path in shard] == [FILES[0]]


@pytest.mark.slow
@needs("snakemake")
def test_snakemake_runs_the_shards_that_have_work(assets: Path, server: Server) -> None:
    (assets / "Snakefile").write_text(SNAKEFILE)
    for missing in (FILES, FILES[:1], ()):
        for name in missing:
            (assets / name).unlink(missing_ok=True)
        done = shell(assets, server, "snakemake", "--cores", "3")
        assert (done.returncode, saved(assets)) == (0, [*FILES]), done.stderr
    assert (len(server.prompts), is_complete(assets, server)) == (6, True)
