"""Parsing of bucket strings, such as ``get_step_bucket()`` returns. Pure functions.

    bucket                                   the bucket at SIMPLEFLOW_S3_HOST
    s3://bucket                              the bucket on Amazon S3, also if SIMPLEFLOW_S3_HOST names another host
    s3.amazonaws.com/bucket                  the same
    s3.eu-west-1.amazonaws.com/bucket        in that region (also s3-eu-west-1.amazonaws.com)
    http://127.0.0.1:8333/bucket             on any server that speaks S3
    minio.example.com/bucket, host:9000/bucket, localhost/bucket    the same, by https (loopback: by http)
    /path, ./path, ../path, ~/path, file:///path    a folder
    state:///path                            the database of a state folder
    memory://name                            the memory of this process, for tests
    gs://bucket, gs://bucket/path            a bucket of Google Cloud Storage; marks are below the path
    az://container, az://container/path      a container of Azure Blob Storage, in AZURE_STORAGE_ACCOUNT_NAME
    scheme://...                             a store from another package, see ``others``

``a/b`` is refused unless ``a`` is the value of SIMPLEFLOW_S3_HOST, since it could be a folder as well as a bucket.
"""

from __future__ import annotations

import functools
import os
import re
from typing import Literal

from simpleflow.exceptions import InputError
from simpleflow.named_tuple import NamedTuple

# As text: Python compiles each when it is first used, and most runs use none.
_BUCKET = r"[A-Za-z0-9._-]{1,255}"
_SEGMENT = r"[A-Za-z0-9._=@+~-]*[A-Za-z0-9_=@+~-]"
_HOST = r"(?P<name>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
_REGION = r"[a-z]{2}(?:-[a-z]+)+-[0-9]+"
# Hosts that name S3 and perhaps a region, and nothing else. Amazon's other hosts (dual stack, VPC) are endpoints.
_AMAZON_S3 = rf"s3(?:[.-](?P<region>{_REGION}))?\.amazonaws\.com(?:\.cn)?"
_AMAZON_REGION = rf"[.-](?P<region>{_REGION})\.(?:[a-z]+\.)?amazonaws\.com(?:\.cn)?\Z"
_UNQUOTED = r"[A-Za-z0-9/._~-]+"
_LOOPBACK = r"localhost|.*\.localhost|127(?:\.[0-9]{1,3}){3}|\[::1\]"

EXPECTED = (
    "expected bucket, s3://bucket, host/bucket, http://host:port/bucket, "
    "/folder, ./folder, ~/folder, file:///folder, gs://bucket, az://container or memory://name"
)


class Location(NamedTuple):
    """The location of a store."""

    kind: Literal["s3", "directory", "state", "memory", "gs", "az", "other"]
    name: str  # the bucket (with the path in it for gs and az), the folder as it was written (``~`` not expanded), the
    # name of a memory store, or the whole bucket string of another package
    endpoint: str | None = None  # a URL without a slash at its end; None: Amazon's own
    region: str | None = None  # None: the bucket string names no region

    @property
    def url(self) -> str:
        """A bucket string that parses to this location."""
        if self.kind == "directory":
            return self.name
        if self.kind == "state":
            return state_url(self.name)
        if self.kind == "other":
            return self.name
        if self.kind in ("memory", "gs", "az"):
            return f"{self.kind}://{self.name}"
        if self.endpoint is not None:
            return f"{self.endpoint}/{self.name}"
        if self.region is not None:
            china = ".cn" if self.region.startswith("cn-") else ""
            return f"s3.{self.region}.amazonaws.com{china}/{self.name}"
        return f"s3://{self.name}"


def parse(bucket: str, s3_host: str = "s3.amazonaws.com") -> Location:
    """Return the location that a bucket string names. ``s3_host`` is the setting SIMPLEFLOW_S3_HOST.

    Raises InputError for text in none of the forms above; the message lists them.
    """
    if not isinstance(bucket, str) or not bucket:
        raise _refused(bucket, "it is not text" if not isinstance(bucket, str) else "it is empty")
    return _parse(bucket, s3_host)


@functools.lru_cache(maxsize=64)  # all steps of a run use the same bucket
def _parse(bucket: str, s3_host: str) -> Location:
    if "\0" in bucket:
        raise _refused(bucket, "it holds a NUL character")
    if bucket in (".", "..", "~") or bucket.startswith(("/", "./", "../", "~")):
        return Location("directory", bucket)
    host = s3_host.rstrip("/")
    if bucket.startswith(host + "/"):  # the setting says that it is a host, even if it has no dot and no port
        return _at_host(bucket, host, bucket[len(host) + 1 :])
    scheme, separator, rest = bucket.partition("://")
    if separator:
        return _with_scheme(bucket, scheme.lower(), rest)
    first, slash, rest = bucket.partition("/")
    if not slash:
        if re.fullmatch(_AMAZON_S3, first) or ":" in first:
            raise _refused(bucket, "it names a host but no bucket")
        return _at_host(f"{bucket} at SIMPLEFLOW_S3_HOST={_without_user(host)}", host, first)
    if not first.startswith(".") and ("." in first or ":" in first or first.lower() == "localhost"):
        return _at_host(bucket, first, rest)
    raise _refused(
        bucket, f"it could be a bucket at the host {first!r} or a folder: write http://{bucket} or ./{bucket}"
    )


def folder_url(path: str) -> str:
    """Return the bucket string ``file:///...`` of a folder. It means the same in every working folder."""
    return f"file://{_quoted(path)}"


def state_url(folder: str) -> str:
    """Return the bucket string ``state:///...`` of the database in a state folder."""
    return f"state://{_quoted(folder)}"


def _quoted(path: str) -> str:
    absolute = os.path.abspath(path)
    if re.fullmatch(_UNQUOTED, absolute):
        return absolute
    from urllib.parse import quote_from_bytes

    return quote_from_bytes(os.fsencode(absolute))


def _with_scheme(bucket: str, scheme: str, rest: str) -> Location:
    if scheme in ("http", "https"):
        host, _, name = rest.partition("/")
        return _at_host(bucket, f"{scheme}://{host}", name)
    if scheme == "s3":
        return Location("s3", _bucket(bucket, rest))
    if scheme == "gs":
        return Location("gs", _bucket_with_path(bucket, rest))
    if scheme == "az":
        return Location("az", _bucket_with_path(bucket, rest))
    if scheme == "memory":
        if rest:
            return Location("memory", rest)
        raise _refused(bucket, "it has no name")
    if scheme in ("file", "state"):
        path = rest.removeprefix("localhost") if rest.startswith("localhost/") else rest
        if "%" in path:
            from urllib.parse import unquote  # here: it takes longer to load than this whole package

            path = unquote(path)
        if path.startswith("/") and "\0" not in path:
            return Location("directory" if scheme == "file" else "state", path)
        raise _refused(bucket, f"a {scheme} URL needs three slashes and an absolute path")
    from simpleflow.stores import others

    if others.is_known(scheme):
        return Location("other", bucket)
    raise _refused(bucket, f"there is no store for {scheme}://, and no installed package brings one")


def _at_host(bucket: str, host: str, name: str) -> Location:
    """Return the location of the bucket ``name`` at ``host``, which may begin with ``http://`` or ``https://``."""
    scheme, separator, address = host.lower().rpartition("://")
    match = re.fullmatch(_HOST, address)
    if "@" in host:
        raise _refused(bucket, "it must not contain credentials: use AWS_ACCESS_KEY_ID or AWS_PROFILE")
    if match is None or (separator and scheme not in ("http", "https")):
        raise _refused(bucket, f"{host!r} is not a host or host:port")
    if match["port"] and not 0 < int(match["port"]) < 65536:
        raise _refused(bucket, f"{match['port']} is not a port number")
    name = _bucket(bucket, name)
    if (amazon := re.fullmatch(_AMAZON_S3, match["name"])) and match["port"] in (None, "443"):
        return Location("s3", name, region=amazon["region"])
    if not scheme:
        scheme = "http" if re.fullmatch(_LOOPBACK, match["name"]) else "https"
    region = re.search(_AMAZON_REGION, match["name"])
    return Location("s3", name, f"{scheme}://{match[0]}", region["region"] if region else None)


def _bucket(bucket: str, name: str) -> str:
    name = name.strip("/")
    if not name:
        raise _refused(bucket, "it names no bucket")
    if "/" in name:
        raise _refused(bucket, f"{name!r} is more than a bucket: get_step_path_prefix() gives the path of the marks")
    if not re.fullmatch(_BUCKET, name):
        raise _refused(bucket, f"{name!r} is not a bucket's name (letters, digits, dots, dashes, underscores)")
    return name


def _bucket_with_path(bucket: str, text: str) -> str:
    name, _, path = text.strip("/").partition("/")
    name = _bucket(bucket, name)
    for segment in path.split("/") if path else ():
        if segment in ("", ".", "..") or not re.fullmatch(_SEGMENT, segment):
            raise _refused(
                bucket, f"{segment!r} in its path is not letters, digits, dots, dashes, underscores or one of =@+~"
            )
    return f"{name}/{path}" if path else name


def _without_user(text: str) -> str:
    return text.rpartition("@")[2]


def _refused(bucket: object, reason: str) -> InputError:
    shown = bucket
    if isinstance(bucket, str) and "@" in bucket:  # a password may come before it
        shown = "...@" + _without_user(bucket)
    return InputError(f"the bucket {shown!r} cannot be used: {reason}; {EXPECTED}")
