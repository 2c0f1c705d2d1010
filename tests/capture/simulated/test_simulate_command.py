"""`mavfer simulate-a65`: misuse is told apart from failure before anything is on the wire."""

import json
import sys

import pytest

from mavfer.__main__ import main
from mavfer.capture.simulated.gige import require_address
from mavfer.capture.simulated.gige_counters import MAX_LISTED, StreamCounters
from mavfer.errors import UsageError


@pytest.mark.parametrize(
    ("option", "value", "complaint"),
    [
        ("--serial", "way too long", "--serial wants 1 to 15 letters and digits, found 'way too long'"),
        ("--serial", "", "--serial wants"),
        ("--board", "3x", "board: wanted a board such as 9x6x25mm"),
        ("--scene", "cat", "target: wanted 'face' or 'board', found 'cat'"),
        ("--light", "7", "light: wanted at most 1, found 7.0"),
        ("--seed", "-1", "seed: wanted at least 0, found -1"),
        ("--subject", "", "wanted a subject pseudonym"),
        ("--subject", "Jane Doe", "wanted a subject pseudonym"),
        ("--address", "localhost", "--address wants an IPv4 address"),
    ],
)
def test_an_option_out_of_range_is_misuse_told_in_one_line(monkeypatch, capsys, option, value, complaint):
    monkeypatch.setattr(sys, "argv", ["mavfer", "simulate-a65", option, value])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr()
    assert (ended.value.code, told.out) == (2, "")
    assert told.err.startswith(f"error: {complaint}")
    assert told.err.count("\n") == 1


@pytest.mark.parametrize(
    "address",
    [
        *("", "localhost", "999.1.1.1", "::1", "0.0.0.0", "127.0.0.0", "127.0.0.255"),
        *("127.255.255.255", "192.0.2.255", "224.0.0.1", "255.255.255.255"),
    ],
)
def test_an_address_that_no_camera_can_have_is_refused(address):
    with pytest.raises(UsageError, match=r"127\.0\.0\.1 to 127\.0\.0\.254"):
        require_address(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.254", "127.0.1.1", "192.0.2.7"])
def test_an_address_of_one_camera_is_taken(address):
    require_address(address)


def test_of_damaged_and_held_frames_the_last_are_listed_and_all_are_counted():
    counters = StreamCounters()
    n = MAX_LISTED + 7
    for block_id in range(1, n + 1):
        counters.add_damaged(block_id)
        counters.add_frozen(2 * block_id)
    table = json.loads(json.dumps(counters.table()))
    assert table["damaged"] == list(range(8, n + 1))
    assert table["frozen"] == list(range(16, 2 * n + 1, 2))
    assert (table["n_damaged"], table["n_frozen"]) == (n, n)
