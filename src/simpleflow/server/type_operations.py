"""Operations on domains, workflow types and activity types."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from simpleflow.server import faults, pages
from simpleflow.server.polls import Caller
from simpleflow.server.registry import ACTIVITY, Entry, Registry
from simpleflow.server.service import Service

_ARN = "arn:aws:swf:us-east-1:000000000000:/domain/"


def page(service: Service, request: dict[str, Any], found: list[Any]) -> tuple[list[Any], dict[str, str]]:
    """Return one page of a list, and the ``nextPageToken`` member if there are more."""
    first = 0
    if request.get("nextPageToken"):
        (first,) = pages.position(request["nextPageToken"], service.clock(), int)
    size = min(request.get("maximumPageSize") or 1000, service.chaos.page)
    more = {"nextPageToken": pages.token(service.clock(), first + size)} if first + size < len(found) else {}
    return found[first : first + size], more


def _register_domain(service: Service, request: dict[str, Any], caller: Caller) -> None:
    days = "workflowExecutionRetentionPeriodInDays"
    name, description = request["name"], request.get("description")
    service.domains.register(name, "", service.clock(), description, {days: request[days]})
    service.add_domain(name)


def _deprecate_domain(service: Service, request: dict[str, Any], caller: Caller) -> None:
    service.domains.deprecate(request["name"], "", service.clock())


def _undeprecate_domain(service: Service, request: dict[str, Any], caller: Caller) -> None:
    service.domains.undeprecate(request["name"], "")


def _describe_domain(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    entry = service.domains.get(request["name"])
    return {"configuration": entry.configuration, "domainInfo": _domain_info(entry)}


def _list_domains(service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    entries, more = page(service, request, _listed(service.domains, request))
    return {"domainInfos": [_domain_info(entry) for entry in entries], **more}


def _domain_info(entry: Entry) -> dict[str, Any]:
    info = {"arn": _ARN + entry.name, "name": entry.name, "status": entry.status}
    return info if entry.description is None else {**info, "description": entry.description}


def _listed(entries: Iterable[Entry], request: dict[str, Any]) -> list[Entry]:
    name = request.get("name")
    found = [each for each in entries if each.status == request["registrationStatus"] and name in (None, each.name)]
    return found[::-1] if request.get("reverseOrder") else found


# The functions below serve types of both kinds. ``member`` is the request's member for a type: activityType or
# workflowType.


def _types(member: str, service: Service, request: dict[str, Any]) -> Registry:
    domain = service.domain(request["domain"])
    return domain.activity_types if member == "activityType" else domain.workflow_types


def _named(member: str, request: dict[str, Any]) -> tuple[str, str]:
    return request[member]["name"], request[member]["version"]


def _register(member: str, service: Service, request: dict[str, Any], caller: Caller) -> None:
    types = _types(member, service, request)
    if service.domains.get(request["domain"]).deprecated is not None:
        raise faults.swf("DomainDeprecatedFault", request["domain"])
    configuration = {key: value for key, value in request.items() if key.startswith("default") and value}
    name, version = request["name"], request["version"]
    types.register(name, version, service.clock(), request.get("description"), configuration)


def _deprecate(member: str, service: Service, request: dict[str, Any], caller: Caller) -> None:
    _types(member, service, request).deprecate(*_named(member, request), service.clock())


def _undeprecate(member: str, service: Service, request: dict[str, Any], caller: Caller) -> None:
    _types(member, service, request).undeprecate(*_named(member, request))


def _delete(member: str, service: Service, request: dict[str, Any], caller: Caller) -> None:
    _types(member, service, request).delete(*_named(member, request))


def _describe(member: str, service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    entry = _types(member, service, request).get(*_named(member, request))
    return {"configuration": entry.configuration, "typeInfo": _type_info(member, entry)}


def _list(member: str, service: Service, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
    entries, more = page(service, request, _listed(_types(member, service, request), request))
    return {"typeInfos": [_type_info(member, entry) for entry in entries], **more}


def _type_info(member: str, entry: Entry) -> dict[str, Any]:
    info: dict[str, Any] = {
        member: {"name": entry.name, "version": entry.version},
        "creationDate": round(entry.created, 3),
        "status": entry.status,
    }
    if entry.description is not None:
        info["description"] = entry.description
    if entry.deprecated is not None:
        info["deprecationDate"] = round(entry.deprecated, 3)
    return info


def _for(kind: str) -> dict[str, Callable[..., Any]]:
    member = kind[0].lower() + kind[1:]
    return {
        f"Register{kind}": partial(_register, member),
        f"Deprecate{kind}": partial(_deprecate, member),
        f"Undeprecate{kind}": partial(_undeprecate, member),
        f"Delete{kind}": partial(_delete, member),
        f"Describe{kind}": partial(_describe, member),
        f"List{kind}s": partial(_list, member),
    }


OPERATIONS: dict[str, Callable[..., Any]] = {
    "RegisterDomain": _register_domain,
    "DeprecateDomain": _deprecate_domain,
    "UndeprecateDomain": _undeprecate_domain,
    "DescribeDomain": _describe_domain,
    "ListDomains": _list_domains,
    **_for(ACTIVITY),
    **_for("WorkflowType"),
}
