"""A provider's row: where it is, how it is spoken to, which variables are its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from imagecli.domain import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyVariable:
    """A variable that holds a key, and how that kind of key is shown to the server."""

    env: str
    auth: str = "bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRow:
    """How one provider is spoken to, and which environment variables are its own."""

    name: str
    base_url: str | None = None
    auth: str = "bearer"
    """bearer, api-key or none: how a key that is no variable's is shown."""
    keys: tuple[KeyVariable, ...] = ()
    """Where a key is looked for first, in this order."""
    key_optional: bool = False
    """It answers without a key too."""
    query: Mapping[str, str] = field(default_factory=dict)
    """What every request's address ends with."""
    query_env: Mapping[str, str] = field(default_factory=dict)
    """Name in `query` → variable that sets it."""
    embedded: bool = False
    """Started inside this process for the command."""
    free: bool = False
    """Nothing is billed there."""
    priced: bool = False
    """It bills by the prices of the models' rows."""
    retires: bool = False
    """Models past their row's shutdown date answer no more at the row's own base URL."""
    paths: dict[Operation, str]
    retired: tuple[Operation, ...] = ()
    """Endpoints that answer no more at the row's own base URL."""
    key_page: str | None = None
    base_url_env: str | None = None
    organization_env: str | None = None
    project_env: str | None = None
    jobs: int = 4
    """Requests under way at once, where nothing else is said: small, as the lowest tiers permit 5 pictures a minute."""
    source: str = ""

    def is_home(self, base_url: str) -> bool:
        """Whether *base_url* is the row's own, and not another server that speaks alike."""
        return base_url.rstrip("/") == self.base_url

    def offers(self, operation: Operation, base_url: str) -> bool:
        """Whether the endpoint is worth asking at *base_url*."""
        return operation in self.paths and not (self.is_home(base_url) and operation in self.retired)
