"""What a purchase and a dry run have alike before the first request: the errand, and what can still be wrong."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from imagecli import run
from imagecli.commands.desk import Desk
from imagecli.events import Listen
from imagecli.plan import Request
from imagecli.store.places import check_answers, check_folder


def errand_of(desk: Desk, base_url: str, run_id: str) -> run.Errand:
    """What all requests of the command have alike."""
    return run.Errand(
        run_id=run_id,
        command=desk.command,
        provider=desk.settings.provider,
        base_url=base_url,
        query=desk.settings.query,
        if_exists=desk.settings.values.get("if_exists"),
        stdout=desk.output.kind == "stdout",
        keep_partials=desk.keep_partials,
    )


def check_inputs(requests: Iterable[Request], inputs: run.Inputs, listen: Listen) -> None:
    """Reads and fits every picture that goes up. Raises InputImageError."""
    for request in requests:
        inputs.fitted(request.ask, listen)


def check_folders(desk: Desk, requests: Collection[Request], *, make: bool) -> None:
    """Tries every folder that is saved to; *make*: missing ones are made. Raises OutputError, DiskError."""
    check_answers(max((request.ask.rendering.n for request in requests), default=1))
    if desk.output.kind != "stdout":
        for folder in dict.fromkeys(folder for request in requests for folder in request.folders):
            check_folder(folder, make=make)
