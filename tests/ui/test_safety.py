"""Who is let in, and what every answer tells the browser."""

from __future__ import annotations

import time
import urllib.request
from pathlib import Path

import pytest

from simpleflow.ui.live import MAX_VIEWERS
from tests.pauses import wait_for
from tests.ui.conftest import Runs, Site, serving


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_only_get_is_answered(site: Site, method: str) -> None:
    answer = site.get("/", method=method)
    assert answer.status == 405
    assert answer.headers["allow"] == "GET"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8043", "127.0.0.1.evil.example", "localhost.evil", ""])
def test_another_host_name_is_refused(site: Site, host: str) -> None:
    assert site.get("/", {"Host": host}).status == 421


@pytest.mark.parametrize("host", ["localhost", "localhost:9000", "127.0.0.1:1", "[::1]:8043", "LOCALHOST"])
def test_names_of_this_machine_are_taken_at_any_port(site: Site, host: str) -> None:
    assert site.get("/", {"Host": host}).status == 200


def test_other_sites_may_link_to_a_page_but_not_read_it(site: Site) -> None:
    other = {"Sec-Fetch-Site": "cross-site"}
    assert site.get("/", {**other, "Sec-Fetch-Mode": "navigate"}).status == 200
    assert site.get("/", {**other, "Sec-Fetch-Mode": "no-cors"}).status == 403
    assert site.get("/?live=1", {**other, "Sec-Fetch-Mode": "cors"}).status == 403


@pytest.mark.parametrize("path", ["/", "/nothing", "/static/page.js", "/run/nightly/history/1", "/run/nobody"])
def test_every_answer_is_strict(site: Site, path: str) -> None:
    headers = site.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in headers


@pytest.mark.parametrize(
    "path", ["/static/../safety.py", "/static/%2e%2e/safety.py", "/static/page.css/x", "//evil.example", "/run/%00"]
)
def test_no_other_file_is_given(site: Site, path: str) -> None:
    answer = site.get(path)
    assert answer.status in (200, 404)
    assert "def " not in answer.text


def test_on_loopback_there_is_no_token_and_elsewhere_there_is_one(runs: Runs) -> None:
    with serving(runs.state, host="0.0.0.0") as site:
        token = site.serving.token
        assert token is not None
        assert len(token) > 40
        site.url = f"http://127.0.0.1:{site.serving.port}"
        site.port = site.serving.port
        assert site.get("/").status == 401
        assert site.get("/static/page.js").status == 401
        assert site.get("/?live=1").status == 401
        assert site.get("/?token=wrong").status == 401
        first = site.get(f"/run/nightly?token={token}&x=%22%3E")
        assert first.status == 200
        cookie = first.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert token not in first.text
        assert "url=/run/nightly?x=" in first.text
        held = {"Cookie": cookie.partition(";")[0]}
        assert site.get("/run/nightly", held).status == 200
        assert site.get("/", {**held, "Host": "evil.example"}).status == 421
        assert site.get("/", {"Cookie": "other=1; broken"}).status == 401
        assert site.get(f"//evil.example/?token={token}").text.count("url=/evil.example/") == 1


def test_at_most_32_look_on(runs: Runs) -> None:
    with serving(runs.state) as site:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        streams = [opener.open(f"{site.url}/?live=1", timeout=20) for _ in range(MAX_VIEWERS)]
        try:
            assert streams[0].headers["content-type"].startswith("text/event-stream")
            assert streams[0].readline().startswith(b"data: ")
            answer = site.get("/?live=1")
            assert answer.status == 503
            assert "32 viewers" in answer.text
            assert site.get("/").status == 200
        finally:
            for each in streams:
                each.close()
        wait_for(lambda: _free(site))


def _free(site: Site) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        opener.open(f"{site.url}/?live=1", timeout=5).close()
    except OSError:
        return False
    return True


def test_a_folder_that_comes_and_goes(tmp_path: Path, runs: Runs) -> None:
    with serving(tmp_path / "none") as site:
        assert "There are no runs here yet" in site.get("/").text
        assert site.get("/run/nightly").status == 404
        assert not (tmp_path / "none").exists()
        (tmp_path / "none").symlink_to(runs.state)
        assert "nightly" in site.get("/").text
        (tmp_path / "none").unlink()
        assert "There are no runs here yet" in site.get("/").text
    began = time.monotonic()
    assert time.monotonic() - began < 5
