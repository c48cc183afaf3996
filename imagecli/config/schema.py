"""The settings: a row for each, with its parser, description and default; and their typed values."""

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Generic, NamedTuple, TypeVar, get_args

from imagecli.choices import Preview
from imagecli.domain import IfExists, RequestedSize, Shape, Size
from imagecli.errors import SettingsError, UsageError
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
        raise ValueError("expected text")
    return value


def _parse_size(value: Any) -> RequestedSize | Shape:
    return parse_size(_parse_text(value))


def _parse_pixels(value: Any) -> Size:
    return Size.parse(_parse_text(value))


def _parse_dollars(value: Any) -> float:
    dollars = _parse_number(value)
    if not 0 <= dollars < math.inf:
        raise ValueError("expected an amount in USD, 0 or more")
    return dollars


MAX_SECONDS = 10_000_000
"""Four months: more is a mistake, and more than some systems can wait."""


def _parse_seconds(value: Any) -> float:
    seconds = _parse_number(value)
    if not 0 < seconds <= MAX_SECONDS:
        raise ValueError(f"expected a number of seconds above 0, at most {MAX_SECONDS:,}")
    return seconds


def _parse_count(value: Any) -> int:
    count = _parse_number(value)
    if not (count.is_integer() and 0 <= count < 2**31):
        raise ValueError("expected an integer, 0 or more")
    return int(count)


def _parse_percent(value: Any) -> int:
    percent = _parse_number(value)
    if not (percent.is_integer() and 0 <= percent <= 100):
        raise ValueError("expected an integer from 0 to 100")
    return int(percent)


def _parse_number(value: Any) -> float:
    """A number as float; NaN, which fails every comparison, for anything else."""
    if isinstance(value, bool):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _parse_choice(choices: tuple[str, ...], value: Any) -> str:
    if value not in choices:
        raise ValueError(f"expected one of {', '.join(choices)}")
    return str(value)


def _parse_bool(value: Any) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if not isinstance(value, bool) and str(value).lower() not in words:
        raise ValueError("expected true or false")
    return value if isinstance(value, bool) else words[str(value).lower()]


DEFAULT_MAX_COST: Final = 5.0
"""USD that a command may cost if nothing else is set."""
DEFAULT_MAX_RETRIES: Final = 2
DEFAULT_PREVIEW: Final[Preview] = "auto"
DEFAULT_MAX_WAIT: Final = 120.0
"""Seconds."""

SETTINGS: Mapping[str, Setting] = {
    "provider": Setting(read=_parse_text, about="provider that generates the images"),
    "base_url": Setting(read=_parse_text, about="base URL of an OpenAI-compatible server", in_project=False),
    "model": Setting(read=_parse_text, about="name of the model"),
    "size": Setting(read=_parse_size, about="WIDTHxHEIGHT in pixels, a name or ratio, or auto"),
    "quality": Setting(read=_parse_text, about="image quality (values depend on the model)"),
    "background": Setting(read=_parse_text, about="transparent, opaque or auto"),
    "output_format": Setting(read=_parse_text, about="png, jpeg, webp, gif or svg"),
    "output_compression": Setting(read=_parse_percent, about="0 to 100, for jpeg and webp"),
    "fit": Setting(read=_parse_pixels, about="exact size, made by cropping and resizing the result"),
    "output": Setting(read=_parse_text, about="file, folder or name template to save to"),
    "if_exists": Setting(read=partial(_parse_choice, get_args(IfExists)), about="number, skip, overwrite or fail"),
    "sidecar": Setting(read=_parse_bool, about="true writes prompt, options and cost beside each image", default=False),
    "preview": Setting(
        read=partial(_parse_choice, get_args(Preview)),
        about="images on the terminal: auto, kitty, iterm, sixel, blocks or none",
        default=DEFAULT_PREVIEW,
        in_project=False,
    ),
    "max_cost": Setting(read=_parse_dollars, about="cost limit of a command in USD", default=DEFAULT_MAX_COST),
    "timeout": Setting(read=_parse_seconds, about="request timeout in seconds"),
    "max_retries": Setting(read=_parse_count, about="number of retries", default=DEFAULT_MAX_RETRIES),
    "max_wait": Setting(
        read=_parse_seconds,
        about="longest wait before a retry, in seconds",
        default=DEFAULT_MAX_WAIT,
    ),
    "insecure_http": Setting(
        read=_parse_bool,
        about="true allows sending a key over plain http:// to a public host",
        default=False,
        in_project=False,
    ),
    "history": Setting(
        read=_parse_bool,
        about="false turns off recording for `imagecli history`",
        default=True,
        in_project=False,
    ),
    "keyring": Setting(
        read=_parse_bool, about="true also looks for keys in the system keyring", default=False, in_project=False
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
    sidecar: SettingValue[bool] | None = None
    preview: SettingValue[Preview] | None = None
    max_cost: SettingValue[float] | None = None
    timeout: SettingValue[float] | None = None
    max_retries: SettingValue[int] | None = None
    max_wait: SettingValue[float] | None = None
    insecure_http: SettingValue[bool] | None = None
    history: SettingValue[bool] | None = None
    keyring: SettingValue[bool] | None = None

    def named(self) -> dict[str, SettingValue[Any]]:
        """The settings that are set, by name; only for what lists or names settings."""
        return {name: setting for name, setting in self._asdict().items() if setting is not None}


def value_or(setting: SettingValue[T] | None, default: T) -> T:
    """The value of *setting*, or *default* if it is not set."""
    return default if setting is None else setting.value


def read_setting(name: str, value: Any, origin: str, *, place: str | None = None) -> SettingValue[Any]:
    """A setting's parsed *value*. Raises SettingsError that names *place*, which is the *origin* by default."""
    place = place or origin
    try:
        return SettingValue(SETTINGS[name].read(value), origin)
    except UsageError as error:
        raise SettingsError(f"{place}: {error.message}", hint=error.hint) from error
    except ValueError as error:
        raise SettingsError(
            f"{place} {_as_typed_value(value)}: {error}", hint=f"{name}: {SETTINGS[name].about}"
        ) from error


def _as_typed_value(value: Any) -> str:
    """A value as the user probably typed it: -1 was parsed as -1.0."""
    return f"{value:.15g}" if isinstance(value, float) else repr(value)


FOLDER_VARIABLES = {
    "IMAGECLI_CONFIG_DIR": "folder of settings and credentials",
    "IMAGECLI_STATE_DIR": "folder of unsaved responses, the history and the list of trusted projects",
}


def environment_variable(name: str) -> str:
    """The environment variable of a setting."""
    return f"IMAGECLI_{name.upper()}"
