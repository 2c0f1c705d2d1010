"""The server as a stranger, and as a browser without a screen, meet it."""

import http.cookiejar
import shutil
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

import mavfer
from mavfer.errors import OutputError
from mavfer.preprocess.view.app import dataset_app
from mavfer.preprocess.view.catalog import open_catalog
from mavfer.web.viewer import PageViewer

GOLDEN = Path(mavfer.__file__).parent / "tests" / "preprocess" / "golden" / "dataset-v1"
TOLD: list[str] = []


def view_of(catalog, **more):
    return PageViewer(lambda door: dataset_app(catalog, door), command="mavfer dataset view", **more)


@pytest.fixture
def viewer(dataset):
    TOLD.clear()
    with view_of(open_catalog(dataset), tell=TOLD.append) as one:
        yield one
    assert one.failures == []


@contextmanager
def browser(viewer, *, enter=True):
    jar = http.cookiejar.CookieJar()
    with httpx.Client(base_url=viewer.address, cookies=jar, trust_env=False) as client:
        if enter:
            assert client.get(viewer.new_link()).status_code == 200
        yield client


@pytest.fixture
def client(viewer):
    with browser(viewer) as one:
        yield one


@pytest.mark.parametrize(
    "path",
    ["/catalog", "/session/0/facts", "/session/0/color/0", "/frames", "/assets/main.js", "/alive", "/docs"],
)
def test_without_a_session_nothing_is_told(viewer, path):
    with browser(viewer, enter=False) as stranger:
        answer = stranger.get(path)
    assert (answer.status_code, answer.content) == (401, b"")


def test_a_wrong_token_opens_nothing_and_a_used_one_prints_another(viewer):
    with browser(viewer, enter=False) as stranger:
        before = stranger.get("/")
        assert before.status_code == 401
        assert "<code>mavfer dataset view</code> runs" in before.text
        assert stranger.get("/enter?token=guess").status_code == 403
        assert "set-cookie" not in stranger.get("/enter?token=").headers
        assert stranger.get(TOLD[0]).status_code == 200
        assert stranger.get("/catalog").status_code == 200


def test_the_cookie_is_kept_from_scripts_and_other_sites(viewer):
    with browser(viewer, enter=False) as one:
        cookie = one.get(viewer.new_link()).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://evil.example"}])
def test_a_page_of_another_site_reads_nothing(client, headers):
    answer = client.get("/catalog", headers=headers)
    assert (answer.status_code, answer.content) == (403, b"")


def test_the_page_may_load_its_own_parts_and_nothing_else(client):
    policy = client.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy


def test_pictures_are_kept_by_the_browser_and_tables_are_not(client):
    assert "immutable" in client.get("/session/0/color/0").headers["cache-control"]
    assert client.get("/session/0/facts").headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path",
    [
        "/session/9/facts",
        "/session/-1/facts",
        "/session/3/facts",
        "/session/0/color/99",
        "/session/0/row/72",
        "/session/0/row/-1",
        "/session/0/landmarks/5",
        "/session/0/depth/-1",
        "/session/x/facts",
        "/session/0/sound/0",
        "/frames?order=worst",
        "/frames?reason=77",
        "/frames?scheme=other",
    ],
)
def test_what_is_not_there_is_answered_in_one_line(client, path):
    answer = client.get(path)
    assert answer.status_code == 422
    assert "Traceback" not in answer.text


def test_a_damaged_file_is_named_and_the_others_are_shown(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips")
    (path / "S01-a.h5").unlink()
    whole = (path / "S02-a.h5").read_bytes()
    (path / "S02-a.h5").write_bytes(whole[: len(whole) // 2])
    with view_of(open_catalog(path)) as viewer, browser(viewer) as client:
        sessions = client.get("/catalog").json()["sessions"]
        assert "S01-a.h5" in sessions[0]["error"]
        damaged = client.get("/session/1/facts")
        assert damaged.status_code == 422
        assert "S02-a.h5" in damaged.json()["error"]
        assert client.get("/session/2/facts").status_code == 200
    assert viewer.failures == []


def test_a_session_that_is_rebuilt_gets_new_addresses_for_its_pictures(make_dataset, tmp_path):
    path = make_dataset(tmp_path / "clips")
    catalog = open_catalog(path)
    before = catalog.version(0)
    shutil.copy(path / "S02-a.h5", path / "S01-a.h5")
    assert catalog.version(0) != before


def test_a_dataset_of_schema_1_is_shown():
    with view_of(open_catalog(GOLDEN)) as viewer, browser(viewer) as client:
        session = client.get("/catalog").json()["sessions"][0]
        assert session["error"] is None
        facts = client.get("/session/0/facts").json()
        assert len(facts["columns"]["time_s"]) == session["n_frames"]
        for stream in session["streams"]:
            assert client.get(f"/session/0/{stream}/0").status_code == 200
        assert client.get("/session/0/scales").status_code == 200
        assert client.get("/session/0/landmarks/0").status_code == 200
        assert client.get("/frames?order=sharpness").json()["frames"] == []
    assert viewer.failures == []


def test_a_port_that_is_taken_is_said_in_one_line(viewer, dataset):
    with (
        pytest.raises(OutputError, match="choose another --port"),
        view_of(open_catalog(dataset), port=viewer.port),
    ):
        pass
