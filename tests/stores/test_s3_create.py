"""Conditional writes on S3: lost answers, undecided races, and servers without conditional writes."""

from __future__ import annotations

import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from botocore.exceptions import ClientError

from simpleflow.exceptions import StoreError
from simpleflow.stores import Store, open_store
from simpleflow.stores.s3_client import client
from tests.servers import S3Server


@contextmanager
def losing_answers(endpoint: str) -> Iterator[tuple[str, list[str]]]:
    """A second address of the server, at which the answer to the first PUT gets lost.

    Yields it, and the methods of the requests so far. It knows one request for each connection.
    """
    host, port = endpoint.removeprefix("http://").split(":")
    methods: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += self.rfile.readline()
            lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            body = self.rfile.read(int(lengths[0].partition(b":")[2])) if lengths else b""
            methods.append(head.split()[0].decode())
            with socket.create_connection((host, int(port))) as server:
                server.sendall(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body)
                answer = b"".join(iter(lambda: server.recv(65536), b""))
            if methods != ["PUT"]:
                self.wfile.write(answer)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as proxy:
        thread = threading.Thread(target=proxy.serve_forever, args=(0.01,))
        thread.start()
        yield f"127.0.0.1:{proxy.server_address[1]}", methods
        proxy.shutdown()
        thread.join()


def test_a_mark_that_was_created_while_the_answer_got_lost_is_our_own(s3_server: S3Server, bucket: str) -> None:
    with losing_answers(s3_server.endpoint) as (address, methods):
        store = open_store(f"{address}/{bucket.rpartition('/')[2]}")
        assert store.create("p", "a", b"mine")
        assert methods == ["PUT", "PUT", "GET"]
    assert open_store(bucket).get("p", "a") == b"mine"


def test_a_mark_of_another_writer_is_not_our_own_after_a_lost_answer(s3_server: S3Server, bucket: str) -> None:
    open_store(bucket).put("p", "a", b"theirs")
    with losing_answers(s3_server.endpoint) as (address, methods):
        store = open_store(f"{address}/{bucket.rpartition('/')[2]}")
        assert not store.create("p", "a", b"mine")
        assert methods == ["PUT", "PUT", "GET"]
    assert open_store(bucket).get("p", "a") == b"theirs"


def answer_puts(store: Store, monkeypatch: pytest.MonkeyPatch, *codes: str) -> None:
    """Refuse the next PUTs with these codes, before they reach the server."""
    s3 = client(store.url.rpartition("/")[0], None)
    put, left = s3.put_object, list(codes)

    def refuse(**parameters: object) -> object:
        if left:
            raise ClientError({"Error": {"Code": left.pop(0)}}, "PutObject")
        return put(**parameters)

    monkeypatch.setattr(s3, "put_object", refuse)


def test_creating_is_tried_again_while_the_race_is_undecided(moto_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(moto_bucket)
    answer_puts(store, monkeypatch, "ConditionalRequestConflict", "ConditionalRequestConflict")
    assert store.create("p", "a", b"")
    answer_puts(store, monkeypatch, *["ConditionalRequestConflict"] * 9)
    monkeypatch.setattr("simpleflow.stores.s3._RACE_PAUSES", (0.0, 0.0))
    with pytest.raises(StoreError, match=r"cannot create the mark 'b' below 'p': .*ConditionalRequestConflict"):
        store.create("p", "b", b"")


def test_a_server_without_conditional_writes(moto_bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(moto_bucket)
    answer_puts(store, monkeypatch, "NotImplemented")
    with pytest.raises(StoreError, match=r"the server does not support conditional writes .*; use a newer server"):
        store.create("p", "a", b"")
