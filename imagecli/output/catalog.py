"""Prints the catalog: tables of models and providers that fit the terminal, and all fields of one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from operator import attrgetter
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from imagecli.catalog.describe import model_to_json, provider_differences, size_rule_differences
from imagecli.domain import Json, Operation, Size
from imagecli.env import Env
from imagecli.money import format_usd
from imagecli.output.terminal import format_table, output_width, print_lines, sanitize, wrap_text

if TYPE_CHECKING:
    from imagecli.catalog.catalog import Catalog
    from imagecli.catalog.model import ModelRow, Prices
    from imagecli.catalog.provider import ProviderRow

SQUARE = Size(1024, 1024)
"""A size that every price table has."""

QUALITIES: Final = ("low", "medium", "high")
"""The columns of the table of models."""


def print_models(catalog: Catalog, today: date, env: Env) -> None:
    """A line per model: the price of a square image at three qualities, and its release or shutdown."""
    cells = [("MODEL", *(quality.upper() for quality in QUALITIES), "AVAILABLE")]
    for row in catalog.models.values():
        name = f"{row.name} *" if row.name == catalog.default_model else row.name
        cells.append((name, *_square_prices(row), _format_availability(row, today)))
    legend = (
        f"Approximate price of one {SQUARE} image by quality. Run imagecli models NAME for other sizes and limits.",
        f"* default: {catalog.default_reason}.",
        f"For drafts: {_describe_drafts(catalog.models[catalog.draft_model])}.",
    )
    _print_table(cells, legend, env)


def _print_table(cells: Sequence[tuple[str, ...]], legend: Sequence[str], env: Env) -> None:
    """A table, the first of *cells* its titles, and below it the sentences that explain it."""
    width = output_width(env)
    explanation = (line for text in legend for line in wrap_text(text, width))
    print_lines(map(sanitize, [*format_table(cells, width), "", *explanation]), env)


def _square_prices(row: ModelRow) -> Iterator[str]:
    """The prices of a square at QUALITIES; unknown ones are `-`."""
    tables = row.output_tokens()
    for quality in QUALITIES:
        tokens = tables.get(quality, {}).get(SQUARE)
        yield format_usd(tokens * row.prices.image_out / 1e6) if tokens and row.prices else "-"


def _describe_drafts(row: ModelRow) -> str:
    """`-m gpt-image-2.5-flare, the cheapest model with no shutdown date ($0.006 at low, $0.013 at medium)`."""
    low, medium, _ = _square_prices(row)
    return f"-m {row.name}, the cheapest model with no shutdown date ({low} at low, {medium} at medium)"


def print_model(row: ModelRow, env: Env) -> None:
    """Every field of a model's row, and the prices of its images."""
    document, width = model_to_json(row), output_width(env)
    del document["sizes"]
    for name in ("ranges", "unstated_ranges"):
        document[name] = {key: f"{low:,}-{high:,}" for key, (low, high) in document[name].items()}
    prices = document.pop("prices") or {}
    prices.pop("output_tokens", None)
    facts: dict[str, Json] = {
        **document,
        "sizes": size_rule_differences(row.sizes),
        "USD per million tokens": {key: value for key, value in prices.items() if key not in ("month", "source")},
    }
    lines = [line for name, value in _stated_facts(facts).items() for line in _format_fact(name, value, width)]
    if row.prices and row.output_tokens():
        title = f"Approximate price of one image (table of {row.prices.month}; {row.prices.source}):"
        lines += ["", *wrap_text(title, width)]
        lines += _format_price_table(row.output_tokens(), row.prices, width)
    else:
        lines += ["", "The price is unknown."]
    print_lines(map(sanitize, lines), env)


def print_providers(rows: Sequence[ProviderRow], env: Env) -> None:
    """A line per provider: its key variable, its operations, its host."""
    cells = [("PROVIDER", "KEY", "OPS", "HOST")]
    for row in rows:
        key = row.keys[0].env if row.keys else ("not needed" if row.free else "imagecli login")
        host = urlsplit(row.base_url or row.base_url_form or "").netloc
        host = host or ("built in" if row.embedded else "--base-url URL")
        letters = "".join(letter if row.offers(kind, row.base_url or "") else "-" for letter, kind in _LETTERS.items())
        cells.append((row.name, key, letters, host))
    legend = (
        "KEY: the variable for the API key, or how to set one; imagecli login stores a key for any provider.",
        "OPS: G generations, E edits, V variations (without V, imagecli vary uses edits).",
        "Run imagecli providers NAME for details.",
    )
    _print_table(cells, legend, env)


_LETTERS: Final[dict[str, Operation]] = {"G": "generations", "E": "edits", "V": "variations"}


def print_provider(row: ProviderRow, env: Env) -> None:
    """The fields of a provider's row that differ from their defaults, by the names that settings use, and its notes."""
    facts: dict[str, Json] = provider_differences(row)
    if row.keys:
        facts["keys"] = [key.env if key.auth == row.auth else f"{key.env} ({key.auth})" for key in row.keys]
    if row.batch:
        facts["batch"] = {**provider_differences(row)["batch"], "price": f"{row.batch.price:g} of the live price"}
    width, notes, source = output_width(env), facts.pop("notes", None), facts.pop("source", "")
    lines = [line for name, value in facts.items() for line in _format_fact(name, value, width)]
    if notes:
        lines += ["notes:", *(line for note in row.notes for line in wrap_text(f"  {note}", width, "    "))]
    lines += _format_fact("source", source, width)
    remark = "All other fields have the defaults of an OpenAI-compatible server; use --json to list them."
    lines += ["", *wrap_text(remark, width)]
    print_lines(map(sanitize, lines), env)


# --- texts -----------------------------------------------------------------------------------------------------------


def _format_availability(row: ModelRow, today: date) -> str:
    if row.shutdown:
        return f"{'ended' if row.shutdown < today else 'until'} {row.shutdown}"
    return f"since {row.released}" if row.released else "-"


def _format_price_table(tables: Mapping[str, Mapping[Size, int]], prices: Prices, width: int) -> Iterator[str]:
    """A line per size, a column per quality."""
    sizes = sorted({size for table in tables.values() for size in table}, key=attrgetter("pixels"))
    cells = [("SIZE", *(quality.upper() for quality in tables))]
    for size in sizes:
        row = (format_usd(table[size] * prices.image_out / 1e6) if size in table else "-" for table in tables.values())
        cells.append((str(size), *row))
    return format_table(cells, width)


_NOTHING: Final[tuple[Json, ...]] = (None, "", [], {}, False)
"""Values that are not printed."""


def _stated_facts(facts: dict[str, Json]) -> dict[str, Json]:
    inner = {name: _stated_facts(value) if isinstance(value, dict) else value for name, value in facts.items()}
    return {name: value for name, value in inner.items() if value not in _NOTHING}


def _format_fact(name: str, value: Json, width: int, indent: str = "") -> list[str]:
    """`name: value`, wrapped, with the entries of a table below it."""
    if isinstance(value, dict) and value:
        inner = [line for key, item in value.items() for line in _format_fact(key, item, width, indent + "  ")]
        return [f"{indent}{name}:", *inner]
    return wrap_text(f"{indent}{name}: {_format_list(value)}", width, indent + "  ")


def _format_list(value: Json) -> str:
    if value is None or value == [] or value == {}:
        return "none"
    if isinstance(value, dict):
        return ", ".join(
            f"{key} {_format_list(inner)}" for key, inner in value.items() if inner not in (None, "", [], {})
        )
    if isinstance(value, list):
        return ", ".join(_format_list(inner) for inner in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) and value >= 10_000 else str(value)
