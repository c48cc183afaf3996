"""How GitHub's runner interprets a line in a log, by the rules of its ActionCommand.cs (read 2026-11-23)."""

from __future__ import annotations

from dataclasses import dataclass, field

COMMANDS = {"error", "warning", "notice", "debug", "group", "endgroup", "add-mask", "set-output", "save-state", "echo"}


@dataclass(frozen=True, kw_only=True)
class Command:
    name: str
    properties: dict[str, str]
    message: str


@dataclass
class Log:
    """Reads lines in their order; what stands between `stop-commands` and its token is no command."""

    commands: list[Command] = field(default_factory=list)
    token: str | None = None

    def take(self, line: str) -> None:
        workflow_command = command(line, COMMANDS | {"stop-commands"} | ({self.token} if self.token else set()))
        if self.token:
            if workflow_command and workflow_command.name == self.token:
                self.token = None
        elif workflow_command and workflow_command.name == "stop-commands":
            self.token = workflow_command.message
        elif workflow_command:
            self.commands.append(workflow_command)


def read_log(text: str) -> Log:
    log = Log()
    for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"):
        log.take(line)
    return log


def command(line: str, known: set[str]) -> Command | None:
    """`::name key=value,…::message` at the line's beginning, or `##[name key=value;…]message` anywhere in it."""
    line = line.lstrip()
    head, ends, message = line[2:].partition("::")
    if line.startswith("::") and ends and (match := _command(head, ",", message, known, PROPERTY, DATA)):
        return match
    head, ends, message = line.partition("##[")[2].partition("]")
    return _command(head, ";", message, known, OLD, OLD) if ends else None


DATA = (("%0D", "\r"), ("%0A", "\n"), ("%25", "%"))
PROPERTY = (("%0D", "\r"), ("%0A", "\n"), ("%3A", ":"), ("%2C", ","), ("%25", "%"))
OLD = (("%3B", ";"), ("%0D", "\r"), ("%0A", "\n"), ("%5D", "]"), ("%25", "%"))
Escapes = tuple[tuple[str, str], ...]


def _command(
    head: str, separator: str, message: str, known: set[str], property: Escapes, data: Escapes
) -> Command | None:
    name, _, rest = head.partition(" ")
    if name not in known:
        return None
    pairs = (pair.partition("=") for pair in rest.strip().split(separator) if "=" in pair)
    return Command(
        name=name,
        properties={key: unescaped(value, property) for key, _, value in pairs},
        message=unescaped(message, data),
    )


def unescaped(text: str, escapes: Escapes) -> str:
    for escape, character in escapes:
        text = text.replace(escape, character)
    return text
