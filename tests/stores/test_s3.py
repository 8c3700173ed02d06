"""S3: the keys on the wire, the client, and the errors of a server."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from simpleflow.exceptions import StoreError
from simpleflow.stores import open_store, s3_client
from simpleflow.stores.s3_client import client
from simpleflow.stores.s3_errors import store_error
from tests.servers import S3Server, free_ports


def keys(endpoint: str, bucket: str) -> list[str]:
    found = client(endpoint, None).list_objects_v2(Bucket=bucket).get("Contents", [])
    return sorted(each["Key"] for each in found)


def refused(bucket: str, match: str) -> None:
    """Assert that all methods raise one line that names the bucket and matches ``match``."""
    store = open_store(bucket)
    for call in (
        lambda: store.put("p", "a", b""),
        lambda: store.names("p"),
        lambda: store.create("p", "a", b""),
        lambda: store.get("p", "a"),
        lambda: store.read("p", ["a"]),
        lambda: store.read("p", [str(number) for number in range(40)]),
        lambda: store.delete("p", ["a"]),
        lambda: store.delete("p", ["a", "b"]),
    ):
        with pytest.raises(StoreError, match=match) as caught:
            call()
        assert str(caught.value).startswith(f"bucket {store.url}: cannot ")
        assert "\n" not in str(caught.value)
        assert caught.value.__cause__ is not None


def test_only_segments_that_a_server_normalises_are_quoted(moto_server: S3Server, moto_bucket: str) -> None:
    store = open_store(moto_bucket)
    for name in ("load.users", "a b/ü", "%41", "/abs", "a/../b", "a/", "x\\y", "%=x"):
        store.put("w/steps/", name, b"")
    names = ["%41", "%=%25%3Dx", "%=/abs", "%=x%5Cy", "a b/ü", "a/%=", "a/%=../b", "load.users"]
    assert keys(moto_server.endpoint, "moto-bucket") == [f"w/steps/{name}" for name in names]


def test_marks_of_the_existing_library_count(s3_server: S3Server, bucket: str) -> None:
    s3 = client(s3_server.endpoint, None)
    name = bucket.rpartition("/")[2]
    for key in ("w/steps/load users/ü", "w/steps/%41", "w/steps/", "w/steps-old/b", "w/steps/folder/"):
        s3.put_object(Bucket=name, Key=key, Body=b'{"version": "1.0"}' if key[-1] != "/" else b"")
    store = open_store(bucket)
    assert store.names("w/steps/") == ["%41", "load users/ü"]
    store.delete("w/steps/", store.names("w/steps/"))
    assert store.names("w/steps/") == []


def test_at_amazon_unquoted_marks_of_the_existing_library_count(
    moto_server: S3Server, moto_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The existing library supports only Amazon's hosts, where a key is any text."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", moto_server.endpoint)
    for key in ("p//abs", "p/a//b", "p/%=x", "/lead/a"):
        client(moto_server.endpoint, None).put_object(Bucket="moto-bucket", Key=key, Body=b"1")
    store = open_store("s3://moto-bucket")
    assert store.names("p") == ["%=x", "/abs", "a//b"]
    assert store.get("p", "a//b") == b"1"
    assert {name: mark.body for name, mark in store.read("p", ["%=x", "/abs"]).items()} == {"%=x": b"1", "/abs": b"1"}
    assert not store.create("p", "a//b", b"other")
    assert store.names("/lead") == ["a"]
    store.put("p", "a//b", b"2")
    assert store.names("p") == ["%=x", "/abs", "a//b"]
    store.delete("p", store.names("p"))
    store.delete("/lead", ["a"])
    assert keys(moto_server.endpoint, "moto-bucket") == []


def test_the_longest_key(moto_bucket: str) -> None:
    store = open_store(moto_bucket)
    store.put("p", "é" * 511, b"")
    with pytest.raises(StoreError, match=r"prefix and name take 1026 bytes, an S3 key can hold 1024; shorten"):
        store.put("p", "é" * 512, b"")


def test_the_setting_turns_encryption_on(
    moto_server: S3Server, moto_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[object] = []
    s3 = client(moto_server.endpoint, None)
    s3.meta.events.register("before-call.s3.PutObject", lambda params, **_: sent.append(params["headers"]))
    store = open_store(moto_bucket)
    for value in ("false", "1"):
        monkeypatch.setenv("SIMPLEFLOW_S3_SSE", value)
        store.put("p", "a", b"")
        store.create("p", value, b"")
    header = "x-amz-server-side-encryption"
    assert [headers.get(header) for headers in sent] == [None, None, "AES256", "AES256"]  # type: ignore[attr-defined]


def test_two_hosts_with_the_same_bucket_name(s3_server: S3Server, bucket: str, moto_server: S3Server) -> None:
    name = bucket.rpartition("/")[2]
    client(moto_server.endpoint, None).create_bucket(Bucket=name)
    open_store(bucket).put("p", "here", b"")
    assert open_store(f"{moto_server.endpoint}/{name}").names("p") == []


def test_a_bare_bucket_goes_where_boto3_is_told_to_go(
    s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(bucket).put("p", "a", b"")
    name = bucket.rpartition("/")[2]
    for variable in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"):
        with monkeypatch.context() as patch:
            patch.setenv(variable, s3_server.endpoint)
            assert open_store(name).names("p") == ["a"]
            assert open_store(f"s3.eu-west-1.amazonaws.com/{name}").names("p") == ["a"]
    with monkeypatch.context() as patch:
        patch.setenv("SIMPLEFLOW_S3_HOST", s3_server.endpoint.removeprefix("http://"))
        assert open_store(name).names("p") == ["a"]


def test_users_mocks_work(monkeypatch: pytest.MonkeyPatch) -> None:
    from moto import mock_aws

    with mock_aws():
        client(None, "eu-west-1").create_bucket(
            Bucket="mocked", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
        )
        for bucket in ("s3.eu-west-1.amazonaws.com/mocked", "s3-eu-west-1.amazonaws.com/mocked", "mocked"):
            open_store(bucket).put("p", bucket[:5], b"")
        assert open_store("s3://mocked").names("p") == ["mocke", "s3-eu", "s3.eu"]


def test_the_region(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    assert client(None, None).meta.region_name == "us-east-1"
    (tmp_path / "config").write_text("[default]\nregion = ap-south-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    assert client(None, None).meta.region_name == "ap-south-1"
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-2")
    assert client(None, None).meta.region_name == "eu-west-2"
    monkeypatch.setenv("AWS_REGION", "eu-west-3")
    assert client(None, None).meta.region_name == "eu-west-3"
    assert client(None, "eu-west-1").meta.region_name == "eu-west-1"


def test_no_region_is_needed_elsewhere(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    open_store(bucket).put("p", "a", b"")
    assert open_store(bucket).names("p") == ["a"]


def test_one_client_for_each_location_and_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    first = client("http://127.0.0.1:1", None)
    assert client("http://127.0.0.1:1", None) is first
    assert client("http://127.0.0.1:2", None) is not first
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "other")
    assert client("http://127.0.0.1:1", None) is not first


def test_after_a_fork_store_and_client_are_new() -> None:
    program = """
import os
from simpleflow.stores import open_store
from simpleflow.stores.s3_client import client
held = [open_store("127.0.0.1:1/bucket"), client("http://127.0.0.1:1", None)]
child = os.fork()
again = [open_store("127.0.0.1:1/bucket"), client("http://127.0.0.1:1", None)]
same = [old is new for old, new in zip(held, again)]
if not child:
    os._exit(any(same))
assert all(same) and os.waitpid(child, 0)[1] == 0
"""
    subprocess.run([sys.executable, "-c", program], check=True, env=os.environ)


def test_boto3_is_loaded_on_use_only() -> None:
    program = """
import sys
from simpleflow.stores import open_store
open_store("bucket"), open_store("memory://x"), open_store("/tmp/marks").names("p")
assert not [name for name in sys.modules if name.startswith(("boto", "urllib3"))]
"""
    subprocess.run([sys.executable, "-c", program], check=True)


def test_boto3_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "boto3.session", None)
    with pytest.raises(StoreError, match="pip install 'boto3>="):
        open_store("127.0.0.1:3/bucket").names("p")


def test_there_is_no_such_bucket(s3_server: S3Server, bucket: str) -> None:
    refused(f"{s3_server.endpoint}/no-such-bucket", r"there is no such bucket \(NoSuchBucket\); create it")


def test_wrong_credentials(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv("AWS_SECRET_ACCESS_KEY", "wrong")
        refused(bucket, "the secret key does not match the access key .*check AWS_ACCESS_KEY_ID")
    with monkeypatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "unknown")
        refused(bucket, "the access key is not known there .*check AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    refused(bucket, "there are no credentials .*check AWS_ACCESS_KEY_ID")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    refused(bucket, "the profile does not exist .*correct AWS_PROFILE")


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "TRIES", 1)
    refused(f"127.0.0.1:{free_ports(1)[0]}/bucket", "nothing answers there .*check the host and port")


def test_a_server_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = sum(range(s3_client.TRIES))  # botocore waits at most 1 s, then 2 s
    assert s3_client.TRIES * max(s3_client.READ_TIMEOUT, s3_client.CONNECT_TIMEOUT) + pauses <= 15
    monkeypatch.setattr(s3_client, "TRIES", 1)
    monkeypatch.setattr(s3_client, "READ_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        refused(f"127.0.0.1:{silent.getsockname()[1]}/bucket", "did not answer in time .*the server is up")


def test_a_server_without_tls(s3_server: S3Server, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3_client, "TRIES", 1)
    refused(bucket.replace("http:", "https:"), "no trusted TLS there .*write http://host:port/bucket")


@pytest.mark.parametrize(
    ("code", "status", "what"),
    [
        ("AccessDenied", 403, "access is denied (AccessDenied); give these credentials s3:ListBucket"),
        ("403", 403, "access is denied (403); give"),
        ("SlowDown", 503, "overloaded, also after several tries (SlowDown); try again later"),
        ("", 503, "the server is unavailable"),
        ("PermanentRedirect", 301, "in another region (PermanentRedirect); set AWS_DEFAULT_REGION"),
        ("ExpiredToken", 400, "the session token has expired (ExpiredToken); renew"),
        ("Teapot", 418, "ClientError: An error occurred (Teapot)"),
    ],
)
def test_answers_of_a_server(code: str, status: int, what: str) -> None:
    answer = {
        "Error": {"Code": code, "Message": "two\nlines"},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    message = str(store_error("s3://bucket", "list", ClientError(answer, "ListObjectsV2")))  # type: ignore[arg-type]
    assert message.startswith("bucket s3://bucket: cannot list: ")
    assert what in message
    assert "\n" not in message


def test_part_of_a_batch_is_refused(moto_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(moto_bucket)
    s3 = client(store.url.rpartition("/")[0], None)
    failed = {"Errors": [{"Key": "p/a", "Code": "AccessDenied", "Message": "no"}]}
    monkeypatch.setattr(s3, "delete_objects", lambda **_: failed)
    with pytest.raises(StoreError, match="cannot remove 2 done marks below 'p': 'p/a' and 0 more: AccessDenied"):
        store.delete("p", ["a", "b"])


def test_a_server_without_batches(moto_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(moto_bucket)
    for name in "abc":
        store.put("p", name, b"")
    s3 = client(store.url.rpartition("/")[0], None)

    def refuse(**_: object) -> None:
        raise ClientError({"Error": {"Code": "MissingContentMD5"}}, "DeleteObjects")

    monkeypatch.setattr(s3, "delete_objects", refuse)
    store.delete("p", ["a", "b"])
    assert store.names("p") == ["c"]
