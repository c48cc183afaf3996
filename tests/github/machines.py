"""Machines that run a workflow: its jobs in clones of a repository, each with its own home.\n\nScripts are run by bash
as GitHub's runner does. Third-party actions are replaced by copying files: their code is not\navailable, but their
documented behavior is."""

from __future__ import annotations

import hashlib
import itertools
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from tests.github.expressions import evaluated, filled

ROOT = Path(__file__).parent.parent.parent
OURS = "/imagecli/.github/actions/batch"
SHELLS = {"bash": ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail"], None: ["bash", "-e"]}


def parsed(text: str) -> Any:
    """YAML as GitHub reads it: `on` is a string."""
    return yaml.load(text, Loader=yaml.BaseLoader)


@dataclass
class Step:
    """The outcome of one step."""

    name: str
    ok: bool
    outputs: dict[str, str] = field(default_factory=dict)


@dataclass
class Job:
    """The outcome of one job, on its own machine."""

    name: str
    folder: Path
    log: str = ""
    summary: str = ""
    steps: list[Step] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return all(step.ok for step in self.steps)


@dataclass
class Hub:
    """A repository and the data of its runs: artifacts of one run, caches of all."""

    root: Path
    origin: Path
    secrets: dict[str, str] = field(default_factory=dict)
    environ: dict[str, str] = field(default_factory=dict)
    """Of every machine, beside what GitHub sets."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Inputs of our action that every use of it has."""
    runs: int = 0
    caches: dict[tuple[str, str], Path] = field(default_factory=dict)
    """By their paths, and by their key, in the order in which they were kept."""

    def run(self, workflow: Mapping[str, Any], event: str = "push") -> dict[str, list[Job]]:
        """Runs all jobs in their order; those of a matrix one after the other."""
        self.runs += 1
        artifacts = self.root / f"artifacts-{self.runs}"
        artifacts.mkdir()
        github = {"event_name": event, "ref": "refs/heads/main", "run_id": str(self.runs), "run_attempt": "1"}
        done: dict[str, list[Job]] = {}
        for name, job in workflow["jobs"].items():
            needs = [job["needs"]] if isinstance(job.get("needs"), str) else job.get("needs", [])
            failed = any(not one.ok for need in needs for one in done[need])
            if failed and job.get("if") != "always()":
                continue
            done[name] = []
            for number, matrix in enumerate(combinations(job.get("strategy", {}).get("matrix", {}))):
                machine = Machine(self, f"{self.runs}-{name}-{number}", github, matrix, artifacts)
                machine.add(workflow.get("env", {}))
                machine.add(job.get("env", {}))
                machine.carry_out(job["steps"])
                done[name].append(machine.job)
        return done


def combinations(matrix: Mapping[str, list[str]]) -> Iterator[dict[str, str]]:
    for values in itertools.product(*matrix.values()):
        yield dict(zip(matrix, values, strict=True))


class Machine:
    """Runs the steps of one job."""

    def __init__(self, hub: Hub, name: str, github: dict[str, str], matrix: dict[str, str], artifacts: Path) -> None:
        self.hub, self.artifacts = hub, artifacts
        self.place = hub.root / name
        self.folder, self.temporary = self.place / "work", self.place / "temporary"
        for folder in (self.folder, self.temporary):
            folder.mkdir(parents=True)
        self.job = Job(name, self.folder)
        self.env: dict[str, str] = {}
        self._contexts = {"github": github, "matrix": matrix, "secrets": hub.secrets, "runner": {"os": "Linux"}}
        self._functions: dict[str, Callable[..., Any]] = {"hashFiles": self._hash, "always": lambda: True}

    def add(self, env: Mapping[str, str]) -> None:
        """Variables of the workflow, or of the job; they see no others."""
        self.env |= {name: filled(value, self._contexts, self._functions) for name, value in env.items()}

    def carry_out(self, steps: list[dict[str, Any]]) -> None:
        """All steps of the job."""
        contexts: dict[str, Any] = {"steps": {}}
        for step in steps:
            self.job.steps.append(self._step(step, contexts, all(step_run.ok for step_run in self.job.steps), None))

    def _step(self, step: dict[str, Any], contexts: dict[str, Any], well: bool, action: Path | None) -> Step:
        """One step, of the job or of the *action*; *well* where those before it were."""
        name = step.get("name") or step.get("uses") or step.get("run", "").strip()
        # What an action is given are its inputs: it sees no secrets. Nor does an `if`.
        outer = {key: value for key, value in self._contexts.items() if key != "secrets" or action is None}
        known = {**outer, "env": self.env, **contexts}
        condition = step.get("if", "success()")
        if "always()" not in condition and not well:
            return Step(name, True)
        visible = {key: value for key, value in known.items() if key != "secrets"}
        if not evaluated(condition, visible, {**self._functions, "success": lambda: True}):
            return Step(name, True)
        env = {key: filled(value, known, self._functions) for key, value in step.get("env", {}).items()}
        inputs = {key: filled(value, known, self._functions) for key, value in step.get("with", {}).items()}
        if "run" in step:
            done = self._script(name, filled(step["run"], known, self._functions), env, step.get("shell"), action)
        else:
            done = self._use(step["uses"], inputs)
        if "id" in step:
            contexts["steps"][step["id"]] = {"outputs": done.outputs}
        return done

    # --- scripts ---

    def _script(self, name: str, script: str, env: dict[str, str], shell: str | None, action: Path | None) -> Step:
        outputs, summary = self.temporary / "outputs", self.temporary / "summary"
        for path in (outputs, summary):
            path.write_text("")
        file = self.temporary / "script.sh"
        file.write_text(script)
        environ = {**self._environ(outputs, summary), **self.env, **env}
        if action:
            environ["GITHUB_ACTION_PATH"] = str(action)
        done = subprocess.run(
            [*SHELLS[shell], str(file)],
            cwd=self.folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        self.job.log += done.stdout.decode()
        self.job.summary += summary.read_text("utf-8")
        pairs = (line.partition("=") for line in outputs.read_text("utf-8").splitlines())
        return Step(name, done.returncode == 0, {key: value for key, _, value in pairs})

    def _environ(self, outputs: Path, summary: Path) -> dict[str, str]:
        return {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": os.pathsep.join(sys.path),
            "HOME": str(self.place),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_WORKSPACE": str(self.folder),
            "GITHUB_OUTPUT": str(outputs),
            "GITHUB_STEP_SUMMARY": str(summary),
            "RUNNER_TEMP": str(self.temporary),
            **self.hub.environ,
        }

    # --- actions ---

    def _use(self, uses: str, given: dict[str, str]) -> Step:
        name, _, version = uses.partition("@")
        assert version, f"{uses} is not pinned"
        if name.endswith(OURS):
            return self._composite(uses, given)
        known = {
            "actions/checkout": self._checkout,
            "actions/setup-python": lambda given: None,
            "actions/upload-artifact": self._upload,
            "actions/download-artifact": self._download,
            "actions/cache/restore": self._restore,
            "actions/cache/save": self._save,
        }
        known[name](given)
        return Step(uses, True)

    def _composite(self, uses: str, given: dict[str, str]) -> Step:
        path = ROOT / ".github" / "actions" / "batch"
        action = parsed((path / "action.yml").read_text("utf-8"))
        unknown = set(given) - set(action["inputs"])
        assert not unknown, f"no inputs of the action: {unknown}"
        assert all(name in given for name, one in action["inputs"].items() if one.get("required") == "true")
        inputs = {name: one.get("default", "") for name, one in action["inputs"].items()} | given | self.hub.inputs
        contexts: dict[str, Any] = {"inputs": inputs, "steps": {}}
        well = True
        for step in action["runs"]["steps"]:
            well &= self._step(step, contexts, well, path).ok
        outputs = {name: filled(one["value"], contexts, {}) for name, one in action["outputs"].items()}
        return Step(uses, well, outputs)

    def _checkout(self, inputs: dict[str, str]) -> None:
        subprocess.run(["git", "clone", "--quiet", self.hub.origin, self.folder], check=True, timeout=60)

    def _upload(self, inputs: dict[str, str]) -> None:
        place = self.artifacts / inputs["name"]
        place.mkdir()
        shutil.copy(self.folder / inputs["path"], place)

    def _download(self, inputs: dict[str, str]) -> None:
        for place in self.artifacts.iterdir():
            if fnmatchcase(place.name, inputs["pattern"]):
                shutil.copytree(place, self.folder / inputs["path"] / place.name)

    def _restore(self, inputs: dict[str, str]) -> None:
        matches = [(key, place) for (paths, key), place in self.hub.caches.items() if paths == inputs["path"]]
        for prefix in (inputs["key"], *inputs["restore-keys"].split()):
            for key, place in reversed(matches):
                if key.startswith(prefix):
                    shutil.copytree(place, self.folder, dirs_exist_ok=True)
                    return

    def _save(self, inputs: dict[str, str]) -> None:
        assert "," not in inputs["key"] and len(inputs["key"]) <= 512
        place = self.hub.root / f"cache-{len(self.hub.caches)}"
        for pattern in inputs["path"].splitlines():
            for path in self.folder.glob(pattern.strip() or "nothing"):
                for file in [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]:
                    target = place / file.relative_to(self.folder)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(file, target)
        assert self.hub.caches.setdefault((inputs["path"], inputs["key"]), place) is place, "a cache is never changed"

    def _hash(self, pattern: str) -> str:
        files = sorted(path for path in self.folder.glob(pattern) if path.is_file())
        return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest() if files else ""
