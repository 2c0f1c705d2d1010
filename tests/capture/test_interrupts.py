"""What tells a program to end waits while something must not be interrupted."""

import os
import signal
import sys

import pytest

from mavfer.capture.interrupts import ENDING, uninterrupted


@pytest.mark.skipif(sys.platform == "win32", reason="on Windows a signal to oneself is an end")
@pytest.mark.parametrize("number", ENDING)
def test_no_signal_that_ends_a_program_comes_through_and_each_is_heeded_again_afterwards(number):
    heard = []
    before = signal.signal(number, lambda number, _: heard.append(number))
    try:
        with uninterrupted():
            os.kill(os.getpid(), number)
            assert heard == []
        assert heard == []
        os.kill(os.getpid(), number)
        assert heard == [number]
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows closes a console by an event, not a signal")
def test_a_closed_terminal_tells_a_program_to_end():
    assert signal.SIGHUP in ENDING
