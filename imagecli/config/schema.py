"""The settings: a row for each, with its parser, description and default; and their typed values."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar, cast, get_args

from imagecli.domain import IfExists, RequestedSize, Shape, Size
from imagecli.sizes import parse_size


class Setting(NamedTuple):
    """A setting of flags, variables and files."""

    read: Callable[[Any], Any]
    """Parses text or a TOML value; raises ValueError or UsageError with what is expected."""
    about: str
    default: Any = None
    """None if nothing is sent by default, or if another row has the default."""
    in_project: bool = True
    """Whether a project's file may set it without trust: not if it decides where the key is sent."""


def _parse_text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("text is wanted")
    return value


def _parse_size(value: Any) -> RequestedSize | Shape:
    return parse_size(_parse_text(value))


def _parse_pixels(value: Any) -> Size:
    return Size.parse(_parse_text(value))


def _parse_dollars(value: Any) -> float:
    dollars = _parse_number(value)
    if not 0 <= dollars < math.inf:
        raise ValueError("an amount of USD from 0 is wanted")
    return dollars


MAX_SECONDS = 10_000_000
"""Four months: more is a mistake, and more than some systems can wait."""


def _parse_seconds(value: Any) -> float:
    seconds = _parse_number(value)
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"a number of seconds above 0 and up to {MAX_SECONDS:,} is wanted")
    return seconds


def _parse_count(value: Any) -> int:
    count = _parse_number(value)
    if not (count.is_integer() and 0 <= count < 2**31):
        raise ValueError("a whole number from 0 is wanted")
    return int(count)


def _parse_percent(value: Any) -> int:
    percent = _parse_number(value)
    if not (percent.is_integer() and 0 <= percent <= 100):
        raise ValueError("a whole number from 0 to 100 is wanted")
    return int(percent)


def _parse_number(value: Any) -> float:
    """A number as float; NaN, which fails every comparison, for anything else."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _parse_if_exists(value: Any) -> IfExists:
    if value not in get_args(IfExists):
        raise ValueError(f"one of {', '.join(get_args(IfExists))} is wanted")
    return cast(IfExists, value)


def _parse_bool(value: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if not isinstance(value, bool) and str(value).lower() not in words:
        raise ValueError("true or false is wanted")
    return value if isinstance(value, bool) else words[str(value).lower()]


DEFAULT_MAX_COST: Final = 5.0
"""USD that a command may cost if nothing else is set."""
DEFAULT_MAX_RETRIES: Final = 2
DEFAULT_MAX_WAIT: Final = 120.0
"""Seconds."""

SETTINGS: Mapping[str, Setting] = {
    "provider": Setting(read=_parse_text, about="which provider makes the pictures"),
    "base_url": Setting(read=_parse_text, about="base URL of any server that speaks the Images API", in_project=False),
    "model": Setting(read=_parse_text, about="the model"),
    "size": Setting(read=_parse_size, about="WIDTHxHEIGHT in pixels, a name or ratio, or auto"),
    "quality": Setting(read=_parse_text, about="the model's quality"),
    "background": Setting(read=_parse_text, about="transparent, opaque or auto"),
    "output_format": Setting(read=_parse_text, about="png, jpeg, webp, gif or svg"),
    "output_compression": Setting(read=_parse_percent, about="0 to 100, for jpeg and webp"),
    "fit": Setting(read=_parse_pixels, about="exactly this size, by cropping and resizing what was made"),
    "output": Setting(read=_parse_text, about="file, folder or name template to save to"),
    "if_exists": Setting(read=_parse_if_exists, about="number, skip, overwrite or fail"),
    "max_cost": Setting(read=_parse_dollars, about="USD that a command may cost at most", default=DEFAULT_MAX_COST),
    "timeout": Setting(read=_parse_seconds, about="seconds to wait for an answer in all"),
    "max_retries": Setting(
        read=_parse_count, about="how often a refused request is sent again", default=DEFAULT_MAX_RETRIES
    ),
    "max_wait": Setting(
        read=_parse_seconds,
        about="the longest wait before a request is sent again, in seconds",
        default=DEFAULT_MAX_WAIT,
    ),
    "insecure_http": Setting(
        read=_parse_bool,
        about="true lets a key go over plain http:// to a public host",
        default=False,
        in_project=False,
    ),
    "keyring": Setting(
        read=_parse_bool, about="true looks for keys in the system's keyring too", default=False, in_project=False
    ),
}
"""Name in settings files → setting. The variable is IMAGECLI_ and the name in capitals."""

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class SettingValue(NamedTuple, Generic[T_co]):
    """A setting's value and its origin: a flag, a variable, or a file."""

    value: T_co
    origin: str


class SettingValues(NamedTuple):
    """The settings of one source, or of several; None where no source sets one. The fields are those of SETTINGS."""

    provider: SettingValue[str] | None = None
    base_url: SettingValue[str] | None = None
    model: SettingValue[str] | None = None
    size: SettingValue[RequestedSize | Shape] | None = None
    quality: SettingValue[str] | None = None
    background: SettingValue[str] | None = None
    output_format: SettingValue[str] | None = None
    output_compression: SettingValue[int] | None = None
    fit: SettingValue[Size] | None = None
    output: SettingValue[str] | None = None
    if_exists: SettingValue[IfExists] | None = None
    max_cost: SettingValue[float] | None = None
    timeout: SettingValue[float] | None = None
    max_retries: SettingValue[int] | None = None
    max_wait: SettingValue[float] | None = None
    insecure_http: SettingValue[bool] | None = None
    keyring: SettingValue[bool] | None = None

    def named(self) -> dict[str, SettingValue[Any]]:
        """The settings that are set, by name; only for what lists or names settings."""
        return {name: setting for name, setting in self._asdict().items() if setting is not None}


def value_or(setting: SettingValue[T] | None, default: T) -> T:
    """The value of *setting*, or *default* if it is not set."""
    return default if setting is None else setting.value


FOLDER_VARIABLES = {
    "IMAGECLI_CONFIG_DIR": "the folder of the user's settings and credentials",
    "IMAGECLI_STATE_DIR": "the folder where answers are kept until they are saved",
}


def environment_variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"IMAGECLI_{name.upper()}"
