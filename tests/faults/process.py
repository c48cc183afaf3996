"""P: signals, streams, terminals, clocks and homes: faults of the process itself."""

from __future__ import annotations

import json
import time
from signal import SIGCONT, SIGHUP, SIGINT, SIGKILL, SIGSTOP, SIGTERM

from tests.client.raw import http, images_body
from tests.conftest import Result
from tests.faults.addresses import EXPIRED
from tests.faults.case import Case, Child, Place, When, request_received
from tests.faults.responses import OK, PNG, images_response, large, linked, refusal, silent
from tests.faults.running import powerless, rights_hold
from tests.faults.server import Call, Lab

BODY = images_body(PNG)
HALF_RESPONSE = http("200 OK", BODY[: len(BODY) // 2], length=len(BODY))
HUGE = http("200 OK", BODY[:-1] + b', "x": [' + b"{}," * 1_300_000 + b"{}]}")
"""Four megabytes that are a hundred once they are read."""
NOT_ASCII = ("generate", "a cat 🐈 猫")
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
"""Names of files too."""
PROMPT = 2.5
"""A second is promised; a loaded machine needs some more to end a process."""


def reports_possible_costs(place: Place, lab: Lab, result: Result) -> None:
    assert "0 of 1 images saved; 1 request in flight may be billed" in result.stderr


def one_of_two_is_saved(place: Place, lab: Lab, result: Result) -> None:
    assert "1 of 2 images saved; 1 request in flight may be billed" in result.stderr
    assert [str(path) for path in result.paths] in (["a-cat-1.png"], ["a-cat-2.png"])


def one_is_saved(place: Place, lab: Lab) -> bool:
    return lab.api.count("POST") == 2 and any(place.folder.glob("a-cat-*.png"))


def first_then_silence(call: Call) -> None:
    """The first request is answered; the second waits for ever."""
    if call.lab.api.count("POST") == 1:
        call.send(OK)
    else:
        silent()(call)


def large_images(place: Place, lab: Lab, result: Result) -> None:
    """Which is more than the memory that the process was given."""
    assert sum((place.folder / path).stat().st_size for path in result.paths) > 1.05e8


def no_escapes(place: Place, lab: Lab, result: Result) -> None:
    assert "\x1b" not in result.stderr
    assert result.stdout == "a-cat.png\n"


def years_ahead(call: Call) -> None:
    """What a date says to a clock that is years behind."""
    call.send(refusal("429 Too Many Requests", "x", "Retry-After: Sun, 23 Nov 2036 14:00:00 GMT"))


def only_an_object(place: Place, lab: Lab, result: Result) -> None:
    assert json.loads(result.stdout)["exit_code"] == 2


def signalled(id: str, case: str, *numbers: object, when: When = request_received, **more: object) -> Case:
    signals = tuple((0.4 if k == 0 else 0.01, number) for k, number in enumerate(numbers))
    child = Child(signals=signals, when=when)  # type: ignore[arg-type]
    given = {"posts": (silent(),), "seconds": PROMPT, "after": reports_possible_costs, **more}
    return Case(id=id, case=case, child=child, **given)  # type: ignore[arg-type]


ROWS = "".join(f'{{"prompt": "cat {number}", "output": "{number}.png"}}\n' for number in range(3))
BATCH = ("batch", "m.jsonl", "-j", "1")


def second_is_under_way(place: Place, lab: Lab) -> bool:
    return lab.api.count("POST") == 2


def journal_is_complete(place: Place, lab: Lab, result: Result) -> None:
    """It lists what is saved and what may be billed: the next run requests what is missing."""
    entries = [json.loads(line) for line in (place.folder / "m.journal.jsonl").read_text().splitlines()]
    assert [(entry["id"], entry["state"]) for entry in entries] == [
        ("0.png", "sent"),
        ("0.png", "saved"),
        ("1.png", "sent"),
    ]


def once_the_other_has_ended(call: Call) -> None:
    """The run that came first is answered when the second one has been sent away."""
    while not (call.lab.folder / "ended").exists():
        time.sleep(0.05)
    call.send(OK)


MEANWHILE = (
    "/bin/sh",
    "-c",
    '"$@" >/dev/null 2>&1 & until grep -qs pid m.journal.lock; do sleep 0.05; done; '
    '"$@"; code=$?; : > ended; wait; exit $code',
    "sh",
)
"""While one run is under way the same is typed again; what that says and ends with is told."""
UNREAD = ("/bin/sh", "-c", '{ "$@"; echo $? >code; } | true; exit $(cat code; rm code)', "sh")
"""Into a pipe whose reader is gone at once."""
NO_FOLDERS = Child(shell="unset IMAGECLI_STATE_DIR IMAGECLI_CONFIG_DIR")
CASES = (
    signalled("P1", "waiting", SIGINT),
    signalled("P1", "in the body", SIGINT, posts=(silent(HALF_RESPONSE),)),
    signalled(
        "P1",
        "with one saved",
        SIGINT,
        posts=(first_then_silence,),
        argv=("-n", "2", "-m", "dall-e-3"),
        after=one_of_two_is_saved,
        when=one_is_saved,
    ),
    signalled("P2", "twice", SIGINT, SIGINT, after=lambda *_: None),
    signalled("P3", "waiting", SIGTERM),
    signalled("P3", "a closed terminal", SIGHUP),
    signalled("P3", "a closed terminal, said twice", SIGHUP, SIGHUP),
    signalled("P3", "in the body", SIGTERM, posts=(silent(HALF_RESPONSE),)),
    Case(
        id="P4",
        case="between two purchases",
        posts=(first_then_silence,),
        command=BATCH,
        before=lambda place: place.write_file("m.jsonl", ROWS),
        child=Child(signals=((0.0, SIGKILL),), when=second_is_under_way),
        after=journal_is_complete,
    ),
    Case(
        id="P6",
        case="while another is under way",
        posts=(once_the_other_has_ended, OK),
        command=BATCH,
        before=lambda place: place.write_file("m.jsonl", ROWS),
        child=Child(by=MEANWHILE),
    ),
    Case(
        id="P6",
        case="what a killed one left",
        command=BATCH,
        before=lambda place: (
            place.write_file("m.jsonl", ROWS) and place.write_file("m.journal.lock", '{"pid": 1, "host": "x"}\n')
        ),
        replaces=("m.journal.lock",),
    ),
    Case(id="P7", case="a reader that went away", child=Child(by=UNREAD)),
    Case(id="P7", case="a picture for a reader that went away", argv=("-o", "-"), child=Child(by=UNREAD)),
    Case(id="P7", case="a closed stdout", child=Child(streams="1>&-")),
    Case(id="P7", case="full disks", argv=("--json",), child=Child(streams=">/dev/full 2>&1")),
    Case(id="P7", case="all closed", child=Child(streams="0<&- 1>&- 2>&-")),
    Case(id="P8", case="nobody to ask for a prompt", command=("generate",)),
    Case(id="P8", case="an empty stdin", command=("generate", "-")),
    Case(id="P8", case="nobody to ask, in JSON", command=("generate",), argv=("--json",), after=only_an_object),
    Case(
        id="P9",
        case="dumb, and one column",
        env={"TERM": "dumb", "COLUMNS": "1", "LINES": "1"},
        child=Child(),
        after=no_escapes,
    ),
    Case(
        id="P9", case="NO_COLOR", env={"NO_COLOR": "1", "TERM": "xterm"}, argv=("-v",), child=Child(), after=no_escapes
    ),
    *(
        Case(id="P10", case=f"ASCII alone, {case}", env=ASCII, command=command, argv=("-v",), child=Child())
        for case, command in {"an emoji": ("generate", "a cat 🐈 ☂"), "a name in Chinese": NOT_ASCII}.items()
    ),
    Case(id="P10", case="POSIX", env={"LC_ALL": "POSIX", "PYTHONCOERCECLOCALE": "0"}, command=NOT_ASCII, child=Child()),
    Case(id="P11", case="a clock that is years behind", posts=(years_ahead,)),
    Case(id="P12", case="missing", env={"HOME": "{home}/nothing"}, child=NO_FOLDERS),
    Case(id="P12", case="not set", child=Child(shell="unset HOME IMAGECLI_STATE_DIR IMAGECLI_CONFIG_DIR")),
    Case(
        id="P12",
        case="read-only",
        child=Child(shell='chmod 555 "$HOME"; unset IMAGECLI_STATE_DIR IMAGECLI_CONFIG_DIR', by=powerless()),
        needs=rights_hold,
    ),
    Case(id="P12", case="below a file", env={"HOME": "/dev/null/home"}, child=NO_FOLDERS),
    Case(
        id="P13",
        case="stopped until the address has expired",
        posts=(linked(),),
        gets=(http("403 Forbidden", EXPIRED, "x-ms-error-code: AuthenticationFailed"),),
        child=Child(signals=((0.0, SIGSTOP), (1.0, SIGCONT))),
    ),
    Case(id="P13", case="stopped, and nothing happened", child=Child(signals=((0.0, SIGSTOP), (1.0, SIGCONT)))),
    Case(
        id="P14",
        case="an input that there is no memory for",
        command=("edit", "huge.png", "a cat"),
        before=lambda place: place.write_file("huge.png", PNG + bytes(45 * 2**20)),
        child=Child(shell="ulimit -d 60000"),
    ),
    Case(id="P14", case="an answer that there is no memory for", posts=(HUGE,), child=Child(shell="ulimit -d 80000")),
    Case(
        id="P14",
        case="six of 18 MB",
        posts=images_response(lambda: large(2450)),
        argv=("-n", "6", "-m", "dall-e-3"),
        child=Child(shell="ulimit -d 100000"),
        seconds=60,
        slow=True,
        after=large_images,
    ),
)
