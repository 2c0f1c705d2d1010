"""`mavfer annotate` as a process: links, ends, encryption, bad input in one line; and what is held back."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager

import httpx
import pytest

MAVFER = (sys.executable, "-m", "mavfer", "annotate")
LINK = r"(https?://[^/]+)/enter\?token=([\w-]+)"


@contextmanager
def serving(study, *words):
    """Yield a running `mavfer annotate`, its address and its first token."""
    command = [*MAVFER, str(study.path), "--port", "0", "--no-browser", *map(str, words)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, text=True, **pipes) as process:
        try:
            found = re.fullmatch(LINK, process.stdout.readline().strip())
            assert found is not None, process.stderr.read()
            yield process, found[1], found[2]
        finally:
            if process.poll() is None:
                process.kill()


@contextmanager
def owner(address, token, **options):
    client = httpx.Client(base_url=address, headers={"origin": address}, trust_env=False, **options)
    with client:
        assert client.post("/enter", data={"token": token}).status_code == 303
        yield client


def wait_until_nobody_listens(host):
    for _ in range(10_000):
        try:
            socket.create_connection(tuple(host.split(":")), timeout=20).close()
        except ConnectionRefusedError:
            return
    raise AssertionError("the server still takes connections")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_a_study_is_served_until_ctrl_c_which_is_no_failure(make_study, ending):
    study, store = make_study(raters=0, films=0)
    store.close()
    with serving(study) as (process, address, token):
        assert address.startswith("http://127.0.0.1:")
        with owner(address, token) as client:
            assert client.get("/api/study").status_code == 200
        process.stdin.write("\n")
        process.stdin.flush()
        again = re.fullmatch(LINK, process.stdout.readline().strip())
        assert again is not None
        assert again[2] != token
        process.send_signal(ending)
        _, complaints = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "the study's page is closed" in complaints.splitlines()[-1]
    assert "Traceback" not in complaints
    assert "warning" not in complaints


def test_what_was_begun_is_answered_when_the_server_ends(make_study):
    study, store = make_study(raters=1, films=0)
    link = store.access.new_link(store.raters()[0].id, now_ms=round(time.time() * 1000))
    store.close()
    with serving(study) as (process, address, _), owner(address, link) as client:
        cookie = "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)
        host = address.removeprefix("http://")
        with socket.create_connection(tuple(host.split(":")), timeout=20) as raw:
            head = f"Host: {host}\r\nOrigin: {address}\r\nCookie: {cookie}\r\nContent-Length: 4\r\n"
            expect = "Expect: 100-continue\r\n\r\n"
            raw.sendall(f"POST /api/instructions HTTP/1.1\r\n{head}{expect}".encode())
            assert raw.recv(65536).startswith(b"HTTP/1.1 100"), "it reads the body now"
            process.send_signal(signal.SIGTERM)
            wait_until_nobody_listens(host)
            raw.sendall(b"null")
            assert raw.recv(65536).startswith(b"HTTP/1.1 200")
        assert process.wait(30) == 0


def test_a_used_link_has_the_owner_told_a_new_one_in_the_terminal_and_nowhere_else(make_study):
    study, store = make_study(raters=0, films=0)
    store.close()
    with serving(study) as (process, address, token):
        with owner(address, token):
            pass
        answer = httpx.get(f"{address}/enter", params={"token": token})
        assert answer.status_code == 403
        told = re.fullmatch(LINK, process.stdout.readline().strip())
        assert told is not None
        assert told[2] not in answer.text
        with owner(address, told[2]) as client:
            assert client.get("/api/study").status_code == 200


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    openssl = shutil.which("openssl")
    assert openssl is not None
    for name in ("lab", "other"):
        subprocess.run(
            [
                *(openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
                *("-nodes", "-keyout", folder / f"{name}-key.pem", "-out", folder / f"{name}.pem"),
                *("-days", "2", "-subj", "/CN=localhost"),
                *("-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"),
            ],
            check=True,
            capture_output=True,
        )
    return folder


def test_with_a_certificate_the_study_is_https_and_its_cookie_secure(make_study, certificate):
    study, store = make_study(raters=0, films=0)
    store.close()
    words = ("--tls-cert", certificate / "lab.pem", "--tls-key", certificate / "lab-key.pem")
    with serving(study, *words) as (_, address, token):
        assert address.startswith("https://")
        trusted = ssl.create_default_context(cafile=certificate / "lab.pem")
        with httpx.Client(base_url=address, headers={"origin": address}, verify=trusted) as client:
            answer = client.post("/enter", data={"token": token})
            assert answer.status_code == 303
            cookie = answer.headers["set-cookie"]
            assert "; Secure" in cookie
            assert cookie.startswith("__Host-")
            assert client.get("/api/study").status_code == 200
            plain = {"origin": address.replace("https", "http")}
            assert client.post("/leave", headers=plain).status_code == 403


def test_behind_a_proxy_its_name_and_its_origin_are_the_studys_own(make_study):
    study, store = make_study(raters=0, films=0)
    store.close()
    command = [*MAVFER, str(study.path), "--port", "0", "--no-browser", "--address", "https://rate.lab.org/"]
    probe = socket.create_server(("127.0.0.1", 0))
    port = probe.getsockname()[1]
    probe.close()
    command[command.index("--port") + 1] = str(port)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            found = re.fullmatch(LINK, process.stdout.readline().strip())
            assert found is not None
            assert found[1] == "https://rate.lab.org"
            here = f"http://127.0.0.1:{port}"
            for headers, status in (
                ({"host": "rate.lab.org", "origin": "https://evil.example"}, 403),
                ({"host": "evil.example", "origin": "https://rate.lab.org"}, 403),
                ({"host": "rate.lab.org", "origin": "https://rate.lab.org"}, 303),
            ):
                answer = httpx.post(f"{here}/enter", data={"token": found[2]}, headers=headers)
                assert answer.status_code == status, headers
            assert "Secure" in answer.headers["set-cookie"]
            for k in range(12):  # one client's misses do not hold up the next, whom the proxy names
                named = {**headers, "x-forwarded-for": "6.6.6.6, 192.0.2.1"}
                httpx.post(f"{here}/enter", data={"token": f"x{k}"}, headers=named)
            assert httpx.post(f"{here}/enter", data={"token": "x"}, headers=named).status_code == 429
            named["x-forwarded-for"] = "192.0.2.1, 192.0.2.2"
            assert httpx.post(f"{here}/enter", data={"token": "x"}, headers=named).status_code == 403
        finally:
            process.kill()


def test_what_cannot_be_served_is_said_in_one_line(make_study, certificate, tmp_path):
    study, store = make_study(raters=0, films=0)
    store.close()
    lab = ("--tls-cert", certificate / "lab.pem")
    (tmp_path / "noise.pem").write_bytes(os.urandom(100))
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    for words, status, told in (
        (("--host", "0.0.0.0"), 2, "--unencrypted"),
        (("--host", "0.0.0.0", "--address", "https://rate.lab.org"), 2, "--tls-cert"),
        (("--address", "http://rate.lab.org"), 2, "http://rate.lab.org"),
        (("--address", "https://rate.lab.org/path"), 2, "without a path"),
        (lab, 2, "no --tls-key"),
        ((*lab, "--tls-key", tmp_path / "none.pem"), 1, "found nothing"),
        ((*lab, "--tls-key", certificate / "other-key.pem"), 1, "another one's"),
        ((*lab, "--tls-key", tmp_path / "noise.pem"), 1, "could not read them"),
        (("--port", port), 1, "choose another --port"),
        (("--database", "postgresql://me:hushhush@127.0.0.1:1/x"), 1, "database"),
    ):
        ended = subprocess.run(
            [*MAVFER, str(study.path), "--port", "0", "--no-browser", *map(str, words)],
            capture_output=True,
            text=True,
            timeout=60,
        )
        errors = [line for line in ended.stderr.splitlines() if line.startswith("error:")]
        assert (ended.returncode, ended.stdout, len(errors)) == (status, "", 1), (words, ended.stderr)
        assert told in errors[0], errors
        assert "hushhush" not in ended.stderr
        assert "Traceback" not in ended.stderr
    taken.close()
    shutil.move(study.path, tmp_path / "moved")
    ended = subprocess.run([*MAVFER, str(study.path)], capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert "moved to" in ended.stderr


def test_a_folder_that_is_moved_while_it_is_served_is_said_on_every_page(make_study, serve, login, tmp_path):
    study, store = make_study(raters=1, films=1)
    client = login(serve(study, store), store, store.raters()[0].id)
    shutil.move(study.path, tmp_path / "elsewhere")
    answer = client.get("/api/assignments")
    assert answer.status_code == 503
    assert "folder is not where it was" in answer.json()["error"]
    page = client.get("/")
    assert page.status_code == 503
    assert "folder is not where it was" in page.text
    assert client.get("/assets/base.css").status_code == 200, "the page that says so has its looks"
    shutil.move(tmp_path / "elsewhere", study.path)
    assert client.get("/api/assignments").status_code == 200, "it goes on when the folder is back"


def test_what_goes_wrong_with_a_file_or_the_database_is_told_without_its_place(make_study, serve, login):
    study, store = make_study(raters=1, films=1)
    first = store.assignments()[0]
    store.confirm_instructions(first.rater)
    client = login(serve(study, store), store, first.rater)
    record = study.videos / f"{first.video}.json"
    record.rename(record.with_suffix(".kept"))
    found = client.post(f"/api/assignments/{first.id}/open", json={"wall_ms": 0})
    assert (found.status_code, f"videos/{record.name}" in found.text) == (422, True)
    answers = [found]
    for table in ("assignments", "logins"):
        with sqlite3.connect(study.path / "study.sqlite") as database:
            database.execute(f"ALTER TABLE {table} RENAME TO {table}_gone")
        database.close()
        answers += [client.get("/api/assignments"), client.get("/")]
    assert [one.status_code for one in answers[1:]] == [503] * 4
    for one in answers:
        assert str(study.path) not in one.text
    assert all("database does not work" in one.text for one in answers[1:])


@pytest.mark.parametrize("how", ["said", "in pieces"])
def test_ten_megabytes_are_refused_unread(make_study, serve, login, how):
    study, store = make_study(raters=1, films=0)
    address = serve(study, store)
    client = login(address, store, store.raters()[0].id)
    cookie = "; ".join(f"{one.name}={one.value}" for one in client.cookies.jar)
    host = address.removeprefix("http://")
    length = "Content-Length: 10000000" if how == "said" else "Transfer-Encoding: chunked"
    named = f"Host: {host}\r\nOrigin: {address}\r\nCookie: {cookie}\r\n{length}"
    head = f"POST /api/instructions HTTP/1.1\r\n{named}\r\n\r\n"
    n_sent, piece = 0, b"10000\r\n" + b"x" * 65536 + b"\r\n"
    with socket.create_connection(tuple(host.split(":")), timeout=20) as raw:
        raw.sendall(head.encode())
        raw.settimeout(0.5 if how == "in pieces" else 20)
        answer = b""
        while not answer and n_sent < 10_000_000:
            if how == "in pieces":
                raw.sendall(piece)
                n_sent += 65536
            try:
                answer = raw.recv(65536)
            except TimeoutError:
                continue
        assert answer.startswith(b"HTTP/1.1 413")
        assert b"connection: close" in answer.lower()
    assert n_sent <= 4 * 128 * 1024
    assert client.get("/api/assignments").status_code == 200


def test_errors_are_one_line_of_json_for_the_page_and_words_for_a_person(make_study, serve, login):
    study, store = make_study(raters=1, films=0)
    client = login(serve(study, store), store, store.raters()[0].id)
    for method, path, content, status in (
        ("post", "/api/assignments/0123456789abcdef/open", b"{", 422),
        ("post", "/api/assignments/0123456789abcdef/open", b'{"wall_ms": 1e999}', 422),
        ("post", "/api/assignments/0123456789abcdef/open", b"[" * 60_000, 422),
        ("post", "/api/assignments/0123456789abcdef/open", b"\xff\xfe", 422),
        ("post", "/api/assignments/nonsense/open", b"{}", 404),
        ("get", "/api/nothing", b"", 404),
        ("delete", "/api/assignments", b"", 405),
    ):
        answer = client.request(method, path, content=content, headers={"content-type": "application/json"})
        assert answer.status_code in (status, 400), (path, answer.text)
        assert list(answer.json()) == ["error"]
        assert len(answer.json()["error"].splitlines()) == 1
        assert json.dumps(answer.json()).isascii()
    assert client.get("/nothing").status_code == 404
    assert "There is no such page" in client.get("/nothing").text


def test_many_ask_at_once_and_all_are_answered(make_study, serve, login):
    study, store = make_study(raters=1, films=1)
    client = login(serve(study, store), store, store.raters()[0].id)
    statuses = []

    def ask():
        for _ in range(5):
            statuses.append(client.get("/api/assignments").status_code)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statuses == [200] * 100
