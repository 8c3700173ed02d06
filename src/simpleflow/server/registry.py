"""Domains, and the workflow and activity types of each: what is registered, deprecated and deleted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

import msgspec

from simpleflow.server import faults
from simpleflow.server.faults import Fault

ACTIVITY = "ActivityType"
WORKFLOW = "WorkflowType"
DOMAIN = "Domain"


@dataclass
class Entry:
    """Something registered; times are epoch seconds. A domain's version is empty."""

    name: str
    version: str
    created: float
    description: str | None = None
    deprecated: float | None = None
    configuration: dict[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> str:
        return "REGISTERED" if self.deprecated is None else "DEPRECATED"


class RegistrationStore(Protocol):
    """Keeps entries as text, by kind, domain, name and version."""

    def load(self) -> list[tuple[str, str, str]]:
        """Kind, domain and text of every entry."""

    def save(self, kind: str, domain: str, name: str, version: str, text: str) -> None:
        """Keep an entry, instead of the one before."""

    def delete(self, kind: str, domain: str, name: str, version: str) -> None:
        """Forget an entry."""

    def close(self) -> None:
        """Let go."""


class Registry:
    """The entries of one kind in one domain, or all domains. ``store`` keeps them, if there is one."""

    def __init__(self, kind: str, domain: str = "", store: RegistrationStore | None = None) -> None:
        self.kind = kind
        self._domain = domain
        self._store = store
        self._entries: dict[tuple[str, str], Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        """By name, then version."""
        return (self._entries[key] for key in sorted(self._entries))

    def restore(self, text: str) -> Entry:
        """Take in an entry from the store."""
        entry = msgspec.json.decode(text, type=Entry)
        self._entries[entry.name, entry.version] = entry
        return entry

    def find(self, name: str, version: str = "") -> Entry | None:
        return self._entries.get((name, version))

    def get(self, name: str, version: str = "") -> Entry:
        """Raises UnknownResourceFault."""
        found = self.find(name, version)
        if found is None:
            raise faults.unknown(f"Unknown {self._noun}: {self._label(name, version)}")
        return found

    def register(
        self, name: str, version: str, now: float, description: str | None, configuration: dict[str, Any]
    ) -> Entry:
        """Raises the fault that it is there already, deprecated or not."""
        if (name, version) in self._entries:
            raise self._fault("AlreadyExistsFault", name, version)
        return self._keep(Entry(name, version, now, description, None, configuration))

    def deprecate(self, name: str, version: str, now: float) -> None:
        """Raises the fault that it is not there, or is deprecated."""
        entry = self.get(name, version)
        if entry.deprecated is not None:
            raise self._fault("DeprecatedFault", name, version)
        entry.deprecated = now
        self._keep(entry)

    def undeprecate(self, name: str, version: str) -> None:
        """Raises the fault that it is not there, or is not deprecated."""
        entry = self.get(name, version)
        if entry.deprecated is None:
            raise self._fault("AlreadyExistsFault", name, version)
        entry.deprecated = None
        self._keep(entry)

    def delete(self, name: str, version: str) -> None:
        """Raises the fault that it is not there, or is not deprecated."""
        if self.get(name, version).deprecated is None:
            raise self._fault("NotDeprecatedFault", name, version)
        del self._entries[name, version]
        if self._store is not None:
            self._store.delete(self.kind, self._domain, name, version)

    def check_current(self, name: str, version: str = "") -> Entry:
        """Raises the fault that it is not there, or is deprecated."""
        entry = self.get(name, version)
        if entry.deprecated is not None:
            raise self._fault("DeprecatedFault", name, version)
        return entry

    def _keep(self, entry: Entry) -> Entry:
        self._entries[entry.name, entry.version] = entry
        if self._store is not None:
            text = msgspec.json.encode(asdict(entry)).decode()
            self._store.save(self.kind, self._domain, entry.name, entry.version, text)
        return entry

    @property
    def _noun(self) -> str:
        return "domain" if self.kind == DOMAIN else "type"

    def _fault(self, ending: str, name: str, version: str) -> Fault:
        return faults.swf(f"{self._noun.capitalize()}{ending}", self._label(name, version))

    def _label(self, name: str, version: str) -> str:
        return name if self.kind == DOMAIN else f"{self.kind}=[name={name}, version={version}]"
