"""Bucket strings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from simpleflow import settings
from simpleflow.exceptions import InputError
from simpleflow.stores import configured_bucket, default_bucket, open_store
from simpleflow.stores.location import Location, parse

AMAZON = "s3.amazonaws.com"


def s3(name: str, endpoint: str | None = None, region: str | None = None) -> Location:
    return Location("s3", name, endpoint, region)


def folder(path: str) -> Location:
    return Location("directory", path)


@pytest.mark.parametrize(
    ("bucket", "expected"),
    [
        ("bucket", s3("bucket")),
        ("my.dotted.bucket", s3("my.dotted.bucket")),
        ("step_bucket", s3("step_bucket")),
        ("s3://bucket", s3("bucket")),
        ("S3://bucket/", s3("bucket")),
        ("s3.amazonaws.com/bucket", s3("bucket")),
        ("s3.amazonaws.com/bucket/", s3("bucket")),
        ("https://s3.amazonaws.com/bucket", s3("bucket")),
        ("https://s3.amazonaws.com:443/bucket", s3("bucket")),
        ("s3-eu-west-1.amazonaws.com/bucket", s3("bucket", region="eu-west-1")),
        ("s3.eu-west-1.amazonaws.com/bucket", s3("bucket", region="eu-west-1")),
        ("S3.EU-West-1.amazonaws.com/bucket", s3("bucket", region="eu-west-1")),
        ("s3.us-gov-west-1.amazonaws.com/bucket", s3("bucket", region="us-gov-west-1")),
        ("s3.cn-north-1.amazonaws.com.cn/bucket", s3("bucket", region="cn-north-1")),
        (
            "s3.dualstack.eu-west-1.amazonaws.com/bucket",
            s3("bucket", "https://s3.dualstack.eu-west-1.amazonaws.com", "eu-west-1"),
        ),
        ("evil-amazonaws.com/bucket", s3("bucket", "https://evil-amazonaws.com")),
        ("s3.amazonaws.com.evil.org/bucket", s3("bucket", "https://s3.amazonaws.com.evil.org")),
        ("s3xamazonaws.com/bucket", s3("bucket", "https://s3xamazonaws.com")),
        ("http://127.0.0.1:8333/bucket", s3("bucket", "http://127.0.0.1:8333")),
        ("http://minio/bucket", s3("bucket", "http://minio")),
        ("127.0.0.1:8333/bucket", s3("bucket", "http://127.0.0.1:8333")),
        ("[::1]:8333/bucket", s3("bucket", "http://[::1]:8333")),
        ("localhost/bucket", s3("bucket", "http://localhost")),
        ("localhost:9000/bucket", s3("bucket", "http://localhost:9000")),
        ("minio:9000/bucket", s3("bucket", "https://minio:9000")),
        ("minio.example.com/bucket", s3("bucket", "https://minio.example.com")),
        ("file:///path/to", folder("/path/to")),
        ("file://localhost/path", folder("/path")),
        ("file:///with%20space", folder("/with space")),
        ("/path", folder("/path")),
        ("./path", folder("./path")),
        ("../path", folder("../path")),
        (".", folder(".")),
        ("~/path", folder("~/path")),
        ("memory://x", Location("memory", "x")),
        ("gs://bucket", Location("gs", "bucket")),
        ("GS://bucket/", Location("gs", "bucket")),
        ("gs://bucket/some/path=1/", Location("gs", "bucket/some/path=1")),
        ("az://container", Location("az", "container")),
        ("az://container/path", Location("az", "container/path")),
    ],
)
def test_forms(bucket: str, expected: Location) -> None:
    assert parse(bucket) == expected
    assert parse(expected.url) == expected


@pytest.mark.parametrize(
    ("bucket", "reason"),
    [
        ("", "is empty"),
        (None, "not text"),
        (b"bucket", "not text"),
        (12, "not text"),
        ("a/b", "write http://a/b or ./a/b"),
        ("marks/steps/x", "could be"),
        ("s3.amazonaws.com", "names a host but no bucket"),
        ("127.0.0.1:8333", "names a host but no bucket"),
        ("s3.amazonaws.com/", "names no bucket"),
        ("http://127.0.0.1:8333", "names no bucket"),
        ("s3://", "names no bucket"),
        ("s3://bucket/prefix", "more than a bucket"),
        ("http://127.0.0.1:8333/bucket/prefix", "more than a bucket"),
        ("bu cket", "not a bucket's name"),
        ("bücket", "not a bucket's name"),
        ("host.example/b?x=1", "not a bucket's name"),
        ("http://ho st/bucket", "not a host"),
        ("http:///bucket", "not a host"),
        ("127.0.0.1:99999/bucket", "99999 is not a port number"),
        ("ftp://bucket", "no store for ftp://, and no installed package brings one"),
        ("gs://", "names no bucket"),
        ("gs://bucket/a//b", "'' in its path"),
        ("gs://bucket/../b", "'..' in its path"),
        ("az://container/a b", "'a b' in its path"),
        ("az://container/end.", "'end.' in its path"),
        ("memory://", "no name"),
        ("file://relative/path", "three slashes"),
        ("C:\\marks", "no bucket"),
        ("/nul\0", "NUL"),
    ],
)
def test_refusals(bucket: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        parse(bucket)
    assert "; expected bucket, s3://bucket" in str(caught.value)


@pytest.mark.parametrize("bucket", [None, 12, [], {"bucket": "b"}])
def test_other_types_are_refused_also_if_they_cannot_be_hashed(bucket: Any) -> None:
    with pytest.raises(InputError, match="it is not text; expected bucket"):
        open_store(bucket)


def test_a_password_is_refused_and_not_repeated() -> None:
    with pytest.raises(InputError, match="AWS_ACCESS_KEY_ID") as caught:
        parse("http://user:hush@127.0.0.1:8333/bucket")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    ("host", "endpoint", "region"),
    [
        ("s3.amazonaws.com", None, None),
        ("s3.eu-west-1.amazonaws.com", None, "eu-west-1"),
        ("http://127.0.0.1:8333", "http://127.0.0.1:8333", None),
        ("http://127.0.0.1:8333/", "http://127.0.0.1:8333", None),
        ("127.0.0.1:8333", "http://127.0.0.1:8333", None),
        ("minio", "https://minio", None),
        ("http://minio", "http://minio", None),
        ("HTTPS://Minio.example.com", "https://minio.example.com", None),
        ("localhost", "http://localhost", None),
    ],
)
def test_every_host_of_the_setting(host: str, endpoint: str | None, region: str | None) -> None:
    expected = s3("step_bucket", endpoint, region)
    assert parse("step_bucket", host) == expected
    assert parse(f"{host}/step_bucket", host) == expected
    assert parse("s3://step_bucket", host) == s3("step_bucket")


def test_an_invalid_host_names_the_setting() -> None:
    with pytest.raises(InputError, match="SIMPLEFLOW_S3_HOST=no host"):
        parse("bucket", "no host")


def test_open_store_reads_the_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    assert open_store("bucket").url == "s3://bucket"
    monkeypatch.setenv("SIMPLEFLOW_S3_HOST", "http://127.0.0.1:8333")
    assert open_store("bucket").url == "http://127.0.0.1:8333/bucket"
    default = f"{settings.SIMPLEFLOW_S3_HOST}/{settings.STEP_BUCKET}"
    assert open_store(default).url == "http://127.0.0.1:8333/step_bucket"


@pytest.mark.parametrize(
    ("host", "bucket", "expected"),
    [
        (None, None, None),
        (None, "mine", "s3.amazonaws.com/mine"),
        ("/folder", None, "/folder/step_bucket"),
        ("/folder", "mine", "/folder/mine"),
        (None, "gs://mine/path", "gs://mine/path"),
        ("/folder", "az://mine", "az://mine"),
        (None, "file:///marks", "file:///marks"),
        (None, "/marks", "/marks"),
        ("minio.example.com", "~/marks", "~/marks"),
    ],
)
def test_the_bucket_that_the_settings_name(
    host: str | None, bucket: str | None, expected: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("SIMPLEFLOW_S3_HOST", host), ("STEP_BUCKET", bucket)):
        if value is not None:
            monkeypatch.setenv(name, value)
    assert configured_bucket() == expected
    assert default_bucket() == (expected or "s3.amazonaws.com/step_bucket")


def test_one_store_for_each_location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    first = open_store("./marks")
    assert first is open_store("~/marks") is open_store(f"file://{tmp_path}/marks")
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")
    assert open_store("./marks") is not first
    assert open_store("127.0.0.1:1/bucket") is open_store("http://127.0.0.1:1/bucket")
    assert open_store("127.0.0.1:1/bucket") is not open_store("127.0.0.1:2/bucket")
    assert open_store("memory://x") is not open_store("memory://y")


def test_a_user_who_does_not_exist() -> None:
    with pytest.raises(InputError, match="no such user"):
        open_store("~nobody-of-this-name/marks")
