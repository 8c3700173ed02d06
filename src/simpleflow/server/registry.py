"""The registered domains, and the registered workflow and activity types of each domain."""

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
    """A registered domain or type."""

    name: str
    version: str  # empty for a domain
    created: float  # epoch seconds
    description: str | None = None
    deprecated: float | None = None  # epoch seconds; None if it is not deprecated
    configuration: dict[str, Any] = field(default_factory=dict)  # defaults of a type, retention period of a domain

    @property
    def status(self) -> str:
        return "REGISTERED" if self.deprecated is None else "DEPRECATED"


class RegistrationStore(Protocol):
    """Stores entries as text, by kind, domain, name and version."""

    def load(self) -> list[tuple[str, str, str]]:
        """Return kind, domain and text of every entry."""

    def save(self, kind: str, domain: str, name: str, version: str, text: str) -> None:
        """Store an entry; it replaces an older one."""

    def delete(self, kind: str, domain: str, name: str, version: str) -> None:
        """Delete an entry."""

    def close(self) -> None:
        """Release the store."""


class Registry:
    """The types of one kind in one domain, or all domains. ``store`` stores them; None if they end with the process."""

    def __init__(self, kind: str, domain: str = "", store: RegistrationStore | None = None) -> None:
        self.kind = kind
        self._domain = domain
        self._store = store
        self._entries: dict[tuple[str, str], Entry] = {}

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over the entries by name, then version."""
        return (self._entries[key] for key in sorted(self._entries))

    def restore(self, text: str) -> Entry:
        """Add an entry that was read from the store."""
        entry = msgspec.json.decode(text, type=Entry)
        self._entries[entry.name, entry.version] = entry
        return entry

    def find(self, name: str, version: str = "") -> Entry | None:
        return self._entries.get((name, version))

    def get(self, name: str, version: str = "") -> Entry:
        """Return an entry. Raises the fault for an unknown one."""
        found = self.find(name, version)
        if found is None:
            raise faults.unknown(f"Unknown {self._noun}: {self._label(name, version)}")
        return found

    def register(
        self, name: str, version: str, now: float, description: str | None, configuration: dict[str, Any]
    ) -> Entry:
        """Add an entry. Raises the fault for one that exists, deprecated or not."""
        if (name, version) in self._entries:
            raise self._fault("AlreadyExistsFault", name, version)
        return self._keep(Entry(name, version, now, description, None, configuration))

    def deprecate(self, name: str, version: str, now: float) -> None:
        """Deprecate an entry. Raises the fault for one that is unknown or deprecated."""
        entry = self.get(name, version)
        if entry.deprecated is not None:
            raise self._fault("DeprecatedFault", name, version)
        entry.deprecated = now
        self._keep(entry)

    def undeprecate(self, name: str, version: str) -> None:
        """End the deprecation of an entry. Raises the fault for one that is unknown or not deprecated."""
        entry = self.get(name, version)
        if entry.deprecated is None:
            raise self._fault("AlreadyExistsFault", name, version)
        entry.deprecated = None
        self._keep(entry)

    def delete(self, name: str, version: str) -> None:
        """Delete a deprecated entry. Raises the fault for one that is unknown or not deprecated."""
        if self.get(name, version).deprecated is None:
            raise self._fault("NotDeprecatedFault", name, version)
        del self._entries[name, version]
        if self._store is not None:
            self._store.delete(self.kind, self._domain, name, version)

    def check_current(self, name: str, version: str = "") -> Entry:
        """Return an entry that may be used. Raises the fault for one that is unknown or deprecated."""
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
