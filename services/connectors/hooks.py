"""The hooks that are open: for each the system, the tenant, the account and the secrets. A file for its owner only."""

import re
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import Field, SecretStr, field_validator, model_validator

from services.connectors.port import Connector, Untrusted
from services.connectors.registry import CONNECTORS
from services.importer.library import load_as
from services.importer.mapping import MappingError, Part
from services.importer.spelling import Text, wrong

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_SHORTEST: Final = 16
NAMING: Final = ("hubspot", "pipedrive")
"""Systems whose deliveries name their account, so that several may share a secret."""


class Hook(Part):
    """One hook."""

    system: str
    tenant: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,64}$")] = "default"
    account: Text
    """The system's number of the account, where it has one; else a name. Part of the source of every event."""
    secrets: Annotated[tuple[SecretStr, ...], Field(min_length=1, max_length=2)]
    """Two while one takes over from the other."""
    url: str = ""
    """The address that the system calls, where it is signed and a proxy stands in between."""

    @field_validator("system")
    @classmethod
    def _is_known(cls, system: str) -> str:
        if system not in CONNECTORS:
            raise wrong(f"is no system; allowed: {', '.join(CONNECTORS)}")
        return system

    @field_validator("account")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise wrong("is no name; allowed: 1-64 letters, digits, _, - and .")
        return name

    @field_validator("secrets", mode="before")
    @classmethod
    def _are_texts(cls, secrets: Any) -> Any:
        told = secrets if isinstance(secrets, list) else [secrets]
        if not all(isinstance(each, str) and len(each) >= _SHORTEST for each in told):
            raise wrong(f"has a secret that is no text or too short; allowed: texts of at least {_SHORTEST} characters")
        if not 1 <= len(told) <= 2 or len(set(told)) < len(told):
            raise wrong("holds not one secret, nor two different ones; allowed: one, or two while they are exchanged")
        return told

    @property
    def source(self) -> str:
        """The ``source`` of its events."""
        return f"/hooks/{self.system}/{self.account}"


class Hooks(Part):
    """All hooks."""

    hooks: tuple[Hook, ...]

    @model_validator(mode="after")
    def _are_told_apart(self) -> "Hooks":
        named = [(hook.system, hook.account) for hook in self.hooks]
        secrets: dict[tuple[str, str], str] = {}
        for hook in self.hooks:
            if named.count((hook.system, hook.account)) > 1:
                raise wrong(f"names account {hook.account} of {hook.system} twice; allowed: once")
            for secret in hook.secrets:
                other = secrets.setdefault((hook.system, secret.get_secret_value()), hook.account)
                if other != hook.account and hook.system not in NAMING:
                    raise wrong(
                        f"has one secret for the accounts {other} and {hook.account} of {hook.system}; "
                        "allowed: a secret of its own for each, for deliveries do not name the account"
                    )
        return self

    def trusted(
        self,
        connector: Connector,
        raw: bytes,
        headers: Mapping[str, str],
        *,
        method: str,
        url: str,
        account: str | None,
        now_ms: int,
    ) -> Hook:
        """The hook whose secret a delivery proves to know. Raises Untrusted."""
        reason = f"no hook of {connector.name} is open; name one in the file of SALESTREAM_HOOKS"
        for hook in self.hooks:
            if hook.system != connector.name:
                continue
            for secret in hook.secrets:
                try:
                    connector.verify(
                        raw,
                        headers,
                        method=method,
                        url=_address(hook, url),
                        secret=secret.get_secret_value(),
                        now_ms=now_ms,
                    )
                except Untrusted as error:
                    reason = str(error)
                    continue
                if account in (None, hook.account):
                    return hook
                reason = "the account is none that a hook is open for; name it in the file of SALESTREAM_HOOKS"
        raise Untrusted(reason)


def _address(hook: Hook, url: str) -> str:
    """The address as the system called it: that of the hook, with the query that came."""
    if not hook.url:
        return url
    _, mark, query = url.partition("?")
    return hook.url + mark + query if "?" not in hook.url else hook.url


def load_hooks(path: Path | None) -> Hooks:
    """The hooks in a file; none where no file is named. Raises MappingError."""
    if path is None:
        return Hooks(hooks=())
    try:
        mode = path.stat().st_mode
        raw = path.read_bytes()
    except OSError as error:
        raise MappingError(f"the hooks {path} cannot be read: {(error.strerror or str(error)).lower()}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise MappingError(f"the hooks {path} can be read by others; allowed: its owner only (chmod 600)")
    return load_as(Hooks, str(path), raw, "docs/connectors.md")
