"""A user's tables of models, checked and laid over ours: what they say holds, all else stays as it was. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from imagecli.catalog import validators
from imagecli.catalog.load import merge_tables
from imagecli.catalog.model import OPTIONAL
from imagecli.domain import MEDIA_TYPES, Operation
from imagecli.errors import UsageError

UNKNOWN = "unknown"
"""What a new row is like where it doesn't say: the model without one, which takes nearly everything."""


def overlay_models(shipped: Mapping[str, Any], own: Mapping[str, Any], source: str) -> dict[str, Any]:
    """The *shipped* tables with the user's *own* laid over them; *source* is the file they stand in.

    Raises UsageError that names table and field of what there is not, or is none.
    """
    names = {kind: (*shipped[kind], *_table_names(own.get(kind))) for kind in ("sizes", "prices", "families", "models")}
    _check_tables(own, names)
    tables = {**shipped, "families": {**shipped["families"], UNKNOWN: _as_known_model(shipped[UNKNOWN])}}
    for kind in ("sizes", "prices", "families", "models"):
        said = {} if kind == "sizes" else {"source": source}
        tables[kind] = {**tables[kind], **_overlay_tables(tables[kind], _complete_tables(own, kind, tables), said)}
    for name in own.get("sizes", {}):
        validators.check_size_limits(f"sizes.{name}", tables["sizes"][name])
    for name in own.get("prices", {}):
        _check_prices(f"[prices.{name}]", tables["prices"][name])
    return tables


def _table_names(tables: Any) -> tuple[str, ...]:
    return tuple(tables) if isinstance(tables, dict) else ()


def _as_known_model(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key not in ("known", "source")}


def _complete_tables(own: Mapping[str, Any], kind: str, tables: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The user's tables of that *kind*. A new row is like the model without one where it doesn't say; a row that is
    like itself is a change of ours. Raises UsageError where there is none of ours to change.
    """
    if kind in ("sizes", "prices"):
        return dict(own.get(kind, {}))
    rows = {}
    for name, table in own.get(kind, {}).items():
        if name not in tables[kind] and table.get("like") == name:
            raise UsageError(
                f"{kind}.{name}: it is like itself, and nothing else says what it takes", hint=validators.HINT
            )
        new = {} if name in tables[kind] else {"like": UNKNOWN}
        rows[name] = {**new, **{key: value for key, value in table.items() if (key, value) != ("like", name)}}
    return rows


def _overlay_tables(below: Mapping[str, Any], above: Mapping[str, Any], said: Mapping[str, str]) -> dict[str, Any]:
    """Each table of *above* over its namesake of *below*; one that is like another starts from that one alone."""
    return {
        name: merge_tables({} if "like" in table else below.get(name, {}), {**said, **table})
        for name, table in above.items()
    }


def _check_tables(own: Mapping[str, Any], names: Mapping[str, tuple[str, ...]]) -> None:
    for name in own:
        if name in names:
            continue
        if isinstance(own[name], dict):
            raise UsageError(f"there is no table {name!r}", hint=f'a model is written as [models."{name}"]')
        raise UsageError(f"there is no field {name!r}", hint='a model is written as [models."NAME"]')
    row = _row_check(names)
    checks = {"sizes": validators.check_size_table, "prices": _PRICES, "families": row, "models": row}
    for kind, tables in own.items():
        validators.mapping_check(checks[kind])(kind, tables)


def _row_check(names: Mapping[str, tuple[str, ...]]) -> validators.Check:
    """A model's table; *names* are those of size rules, prices and rows that it can name."""
    parameter = validators.choice_check((*OPTIONAL, "markup"))
    return validators.table_check(
        {
            "like": validators.choice_check((*names["models"], *names["families"])),
            "released": validators.date_check,
            "shutdown": validators.date_check,
            "successor": validators.text_check,
            "operations": validators.list_check(validators.choice_check(get_args(Operation))),
            "sizes": validators.name_or_check(names["sizes"], validators.check_size_table),
            "max_prompt": validators.count_check,
            "max_n": validators.count_check,
            "max_n_of": validators.mapping_check(validators.count_check),
            "max_images": validators.count_check,
            "image": _INPUT,
            "mask": _INPUT,
            "parameters": validators.list_check(parameter),
            "unstated": validators.list_check(parameter),
            **dict.fromkeys(
                ("words", "unstated_words"),
                validators.mapping_check(validators.list_check(validators.text_check), parameter),
            ),
            "ranges": validators.mapping_check(validators.bounds_check, parameter),
            "edits_need_alpha": validators.bool_check,
            "prices": validators.name_or_check(names["prices"], _check_own_prices),
            "source": validators.text_check,
        }
    )


def _check_own_prices(place: str, value: Any) -> None:
    _PRICES(place, value)
    _check_prices(place, value)


def _check_prices(place: str, value: Mapping[str, Any]) -> None:
    for key in ("text_in", "image_in", "image_out", "month"):
        if key not in value:
            raise UsageError(f"{place}: {key} is missing", hint=validators.HINT)


_INPUT = validators.table_check(
    {
        "formats": validators.list_check(validators.choice_check(MEDIA_TYPES)),
        "max_bytes": validators.count_check,
        **dict.fromkeys(("square", "alpha", "white"), validators.bool_check),
    }
)
_PRICES = validators.table_check(
    {
        **dict.fromkeys(
            ("text_in", "text_in_cached", "text_out", "image_in", "image_in_cached", "image_out"),
            validators.amount_check,
        ),
        "output_tokens": validators.mapping_check(
            validators.mapping_check(validators.count_check, validators.check_size_text)
        ),
        "month": validators.text_check,
        "source": validators.text_check,
    }
)
