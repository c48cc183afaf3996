"""Option groups for Typer: a command declares a group as one parameter and receives it as one value."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from copy import copy
from typing import Annotated, Any, get_args, get_type_hints

from imagecli.commands.options import PANELS, CommonOptions
from imagecli.errors import InterruptedCommand, Terminated


def with_option_groups(command: Callable[..., None]) -> Callable[..., None]:
    """*command* for Typer: a parameter annotated with a group, or with CommonOptions, is replaced by its options."""
    hints = get_type_hints(command, include_extras=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, type] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if kind in (*PANELS, CommonOptions):
            groups[parameter.name] = kind
            parameters += _group_parameters(kind)
        else:
            parameters.append(parameter.replace(annotation=kind, kind=inspect.Parameter.KEYWORD_ONLY))

    # Help shows them in this order.
    parameters.sort(key=lambda parameter: "Argument" not in repr(parameter.annotation))

    def run(**values: Any) -> None:
        for name, kind in groups.items():
            values[name] = _fill_group(kind, values)
        try:
            command(**values)
        except (KeyboardInterrupt, Terminated) as signal:
            # Here, because Typer would turn it into a bare exit code.
            raise InterruptedCommand(signal) from signal

    run.__name__, run.__doc__ = command.__name__, command.__doc__
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    return run


def _fill_group(kind: Any, values: dict[str, Any]) -> Any:
    """Build a group from its options, which are removed from *values*."""
    if kind is CommonOptions:
        return kind(**{name: _fill_group(group, values) for name, group in get_type_hints(kind).items()})
    return kind(**{name: values.pop(name) for name in kind._fields})


def _group_parameters(group: Any) -> list[inspect.Parameter]:
    hints = get_type_hints(group, include_extras=True)
    if group is CommonOptions:
        return [option for kind in hints.values() for option in _group_parameters(kind)]
    return [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=default,
            annotation=_in_panel(hints[name], PANELS[group]),
        )
        for name, default in group._field_defaults.items()
    ]


def _in_panel(hint: Any, panel: str) -> Any:
    kind, info = get_args(hint)
    info = copy(info)
    info.rich_help_panel = panel
    return Annotated[kind, info]
