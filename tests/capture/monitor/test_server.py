import json
import random
import socket
import string
from contextlib import suppress

import pytest
from websockets.exceptions import InvalidStatus

from mavfer.capture.desk import Desk, NextStep, Start, Stop
from mavfer.capture.monitor import Monitor, app, live
from mavfer.capture.monitor.asks import read_message
from mavfer.capture.status import Marker
from mavfer.capture.streams import Stream
from mavfer.errors import RecordError

WAIT_S = 20.0
PATHS = [
    "/assets/main.js",
    "/assets/page.html",
    "/assets/icon.svg",
    "/live",
    "/docs",
    "/openapi.json",
    "/x/../y",
]


def test_without_a_session_there_is_no_content(visit):
    visitor = visit(session=False)
    for path in PATHS:
        for method in ("GET", "POST", "HEAD", "DELETE", "OPTIONS"):
            answer = visitor.http.request(method, path)
            assert (answer.status_code, answer.content) == (401, b""), (method, path)


def test_without_a_session_the_page_says_where_the_link_is_and_nothing_of_the_take(visit):
    answer = visit(session=False).http.get("/")
    assert answer.status_code == 401
    assert "mavfer record" in answer.text
    assert "S07" not in answer.text
    assert "script" not in answer.text


def test_a_live_connection_wants_a_session_and_this_pages_origin(visit):
    known = visit()
    for visitor, headers in (
        (visit(session=False), {}),
        (known, {"Origin": "http://evil.example"}),
        (known, {"Origin": "null"}),
        (known, {"Origin": ""}),
        (known, {"Cookie": ""}),
    ):
        with pytest.raises(InvalidStatus) as refused:
            visitor.live(**headers)
        assert refused.value.response.status_code == 403
        assert not refused.value.response.body
    with known.live() as line:
        assert line.receive("status")["word"] == "RECORDING"


def test_another_sites_name_or_page_is_refused_with_no_content_even_with_a_session(visit):
    visitor = visit()
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        for path in ("/", "/enter", "/assets/main.js"):
            for method in ("GET", "POST"):
                answer = visitor.http.request(method, path, headers=headers)
                assert (answer.status_code, answer.content) == (403, b""), (method, path, headers)


def test_a_link_opens_the_page_once_and_then_says_what_to_do(stage, visit):
    with Monitor(stage.desk) as monitor:
        first, second = visit(session=False), visit(session=False)
        assert first.http.get(monitor.url).status_code == 200
        assert "Recorders" in first.http.get(monitor.address).text
        answer = second.http.get(monitor.url)
        assert answer.status_code == 403
        assert "This link has been used" in answer.text
        assert "new link" in answer.text
        assert second.http.get(monitor.address).status_code == 401
        assert first.http.get(monitor.url).status_code == 200, "who is in stays in"
        assert second.http.get(monitor.new_link()).status_code == 200


def test_whoever_comes_with_a_used_link_has_a_new_one_printed_in_the_terminal(stage, visit):
    told = []
    with Monitor(stage.desk, tell=told.append) as monitor:
        visitor = visit(session=False)
        visitor.http.get(monitor.url)
        for _ in range(5):
            assert "printed now" in visit(session=False).http.get(f"{monitor.address}enter?token=x").text
        assert len(told) == 1, "at most every few seconds"
        assert visit(session=False).http.get(told[0].removeprefix("monitor: ")).status_code == 200


def test_the_session_cookie_is_for_this_page_alone_and_the_page_may_load_nothing_from_elsewhere(
    monitor, visit
):
    visitor = visit(session=False)
    cookie = visitor.http.get(monitor.new_link()).headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert f"mavfer_monitor_{monitor.port}=" in cookie
    answer = visitor.http.get("/")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert answer.headers["cache-control"] == "no-store"
    for part in ("main.js", "page.css"):
        assert visitor.http.get(f"/assets/{part}").status_code == 200
    assert "http" not in visitor.http.get("/assets/page.css").text
    assert visitor.http.get("/assets/plain.html").status_code == 404


def test_start_stop_next_and_mark_reach_the_desk(stage, visit):
    stage.tell(state="ready", can_start=True)
    with visit().live() as line:
        line.receive("status")
        assert line.ask(do="start", subject="S08", seconds=90, consent="K-12", notes="left\nright")[0]
        assert stage.wait_for(1) == [Start("S08", 90.0, "K-12", "left\nright")]
        stage.tell()
        assert line.ask(do="mark", label=" video 3 starts ")[0]
        assert line.ask(do="next", step=0)[0]
        assert line.ask(do="stop")[0]
        marker, step, stop = stage.wait_for(4)[1:]
        assert isinstance(marker, Marker)
        assert (marker.label, marker.source) == ("video 3 starts", "operator")
        assert (step, stop) == (NextStep(), Stop())


@pytest.mark.parametrize(
    ("changes", "request_", "told"),
    [
        ({}, {"do": "start"}, "no take can start now"),
        ({"state": "ready", "can_start": True}, {"do": "start", "subject": "Anna Schmidt"}, "pseudonym"),
        ({"state": "ready"}, {"do": "stop"}, "no take runs"),
        ({"state": "ready"}, {"do": "mark", "label": "a"}, "'a' is not marked"),
        ({"step": None}, {"do": "next", "step": 0}, "no step runs"),
        ({}, {"do": "next", "step": 3}, "'Relaxing video' has begun meanwhile"),
    ],
)
def test_what_makes_no_sense_now_is_refused_and_does_not_reach_the_desk(
    stage, visit, changes, request_, told
):
    stage.tell(**changes)
    with visit().live() as line:
        ok, text = line.ask(**request_)
    assert not ok
    assert told in text
    assert stage.asked == []


def test_a_page_that_asks_too_much_is_held_back(stage, visit):
    with visit().live() as line:
        answers = [line.ask(do="mark", label=str(i))[0] for i in range(60)]
    assert answers[:10] == [True] * 10
    assert False in answers
    stage.wait_for(sum(answers))
    assert len(stage.asked) == sum(answers)


def test_a_page_that_draws_nothing_gets_one_picture_of_each_stream_and_every_status(stage, visit):
    with visit().live() as line:
        assert {line.receive("picture")["stream"] for _ in Stream} == set(Stream)
        stage.wait_for_pictures(20)
        numbers = []
        for _ in range(8):
            message = line.receive()
            assert message["kind"] == "status", "a picture came before the last one was drawn"
            numbers.append(message["n"])
            line.send({"do": "seen", "n": numbers[-1]})
        assert numbers == list(range(numbers[0], numbers[0] + 8))
        line.send({"do": "drawn", "stream": "thermal"})
        picture = line.receive("picture")
        assert picture["stream"] == "thermal"
        assert picture["age_s"] < 5, "the newest, not the next of a queue"
        assert picture["low"].endswith("°C")
        assert picture["jpeg"][:2] == b"\xff\xd8"


def test_a_page_that_reads_nothing_is_let_go(visit, monkeypatch):
    monkeypatch.setattr(live, "MAX_UNSEEN", 4)
    with visit().live() as line:
        assert line.until_let_go()[0] == live.CLOSE_LATER


def test_one_page_too_many_is_told_so(visit, monkeypatch):
    monkeypatch.setattr(app, "MAX_PAGES", 1)
    visitor = visit()
    with visitor.live() as first, visitor.live() as second:
        first.receive("status")
        assert "open already" in second.until_let_go()[1]


def malformed(rng: random.Random) -> str | bytes:
    """Return a message that no page sends: noise, broken JSON, or a request with something wrong in it."""
    good = [
        {"do": "start", "id": 1, "subject": "S01", "seconds": 5.0},
        {"do": "stop", "id": 1},
        {"do": "next", "id": 1, "step": 0},
        {"do": "mark", "id": 1, "label": "a"},
        {"do": "seen", "n": 1},
        {"do": "drawn", "stream": "color"},
    ]
    request = dict(rng.choice(good))
    wrong = [None, -1, 1e400, [], {}, "", "x" * 300, "\x1b[2J", True, 2**70, "nan", {"a": {"b": []}}]
    match rng.randrange(6):
        case 0:
            return rng.randbytes(rng.randrange(200))
        case 1:
            return "".join(rng.choices(string.printable, k=rng.randrange(200)))
        case 2:
            text = json.dumps(request)
            return text[: rng.randrange(len(text))]
        case 3:
            request["extra"] = rng.choice(wrong)
        case 4:
            request["do"] = rng.choice([*wrong, "quit", "Start", "hello"])
        case _:
            return rng.choice(
                ["[" * 5000, '{"do":' * 2000, "null", "[]", '"stop"', "0" * 5000, '{"do":"stop"}']
            )
    return json.dumps(request)


def test_ten_thousand_malformed_messages_do_nothing(stage, monitor, visit):
    rng = random.Random(7)
    visitor, n_sent, n_let_go = visit(), 0, 0
    while n_sent < 8000:
        with visitor.live() as line:
            line.receive("status")
            for _ in range(live.MAX_MALFORMED):
                message = malformed(rng)
                assert read_message(message) is None, message
                line.send(message)
                n_sent += 1
            n_let_go += line.until_let_go()[0] == live.CLOSE_POLICY
    assert n_let_go == 8000 // live.MAX_MALFORMED
    cookie = "; ".join(f"{one.name}={one.value}" for one in visitor.http.cookies.jar)
    for _ in range(2000):
        with (
            socket.create_connection(("127.0.0.1", monitor.port), timeout=WAIT_S) as raw,
            suppress(OSError),  # the server may hang up before it has read everything
        ):
            raw.sendall(malformed_http(rng, visitor.host, cookie))
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
    with visitor.live() as line:
        assert line.receive("status")["word"] == "RECORDING"
    stage.wait_for_pictures(2)
    assert stage.asked == []


def malformed_http(rng: random.Random, host: str, cookie: str) -> bytes:
    """Return an HTTP request that no browser sends."""
    noise = rng.randbytes(rng.randrange(1, 300))
    head = f"Host: {host}\r\nCookie: {cookie}\r\n".encode()
    return rng.choice(
        [
            noise,
            b"GET /" + noise.hex().encode() + b" HTTP/1.1\r\n" + head + b"\r\n",
            b"GET /assets/..%2f..%2fserver.py HTTP/1.1\r\n" + head + b"\r\n",
            b"GET / HTTP/1.1\r\n" + head + head + b"\r\n",
            b"GET / HTTP/1.1\r\nHost: " + noise + b"\r\n\r\n",
            b"POST /enter HTTP/1.1\r\n" + head + b"Content-Length: 99999999\r\n\r\n" + noise,
            b"GET /enter?token=" + noise.hex().encode() + b"&token=%ff%00 HTTP/1.1\r\n" + head + b"\r\n",
            b"GET / HTTP/1.1\r\n" + head + b"Cookie: " + noise.hex().encode() + b'="\\\r\n\r\n',
            b"GET /live HTTP/1.1\r\n" + head + b"Connection: upgrade\r\nUpgrade: websocket\r\n\r\n" + noise,
            b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
        ]
    )


def test_what_a_recorder_says_is_bounded_on_the_page(stage, visit):
    long = tuple("y" * 5000 for _ in range(50))
    stage.tell(
        recorders=tuple(stage.recorder(f"r{i}", complaints=long) for i in range(50)),
        markers=tuple(Marker(i, "z" * 5000) for i in range(5000)),
    )
    with visit().live() as line:
        text = json.dumps(line.receive("status"))
    assert len(text) < 200_000


def test_a_page_that_is_open_does_not_hold_up_the_end_of_the_program(stage, visit):
    with Monitor(stage.desk) as monitor:
        line = visit(to=monitor).live()
        line.receive("status")
    with line:
        line.until_let_go()
    with Monitor(stage.desk, port=monitor.port) as again:
        assert again.port == monitor.port


def test_a_port_that_is_taken_and_an_address_that_is_none_are_refused_in_words(monitor):
    with pytest.raises(RecordError, match=r"cannot be served .*: 127\.0\.0\.1:\d+"):
        Monitor(Desk(), port=monitor.port).__enter__()
    with pytest.raises(RecordError, match="wanted an address for the monitor page, found 'no such host'"):
        Monitor(Desk(), host="no such host").__enter__()


def test_serving_the_network_is_warned_of():
    assert Monitor(Desk()).warning == ""
    assert "without encryption" in Monitor(Desk(), host="0.0.0.0").warning
