"""The two GigE Vision protocols as bytes: what is packed is read back, and what is no packet is refused."""

import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.simulated import gvcp, gvsp
from mavfer.capture.simulated.gvcp import Answer, MalformedRequest, Request

WORDS = st.integers(0, 2**32 - 1)
HALVES = st.integers(0, 2**16 - 1)


@given(st.builds(Request, HALVES, st.integers(1, 65535), st.binary(max_size=540), st.booleans()))
def test_a_request_is_read_back_as_it_was_packed(request_):
    assert gvcp.request_from_bytes(request_.pack()) == request_


@given(st.builds(Answer, HALVES, HALVES, HALVES, st.binary(max_size=540)))
def test_an_answer_is_read_back_as_it_was_packed(answer):
    assert gvcp.answer_from_bytes(answer.pack()) == answer


def test_a_request_lies_on_the_wire_as_the_standard_says():
    # Figure "READREG_CMD" of GigE Vision 1.2: key, acknowledge wanted, command, length, id, address.
    packed = Request(gvcp.Command.READREG, 0x1234, gvcp.pack_addresses([0x0A00])).pack()
    assert packed == bytes.fromhex("42 01 0080 0004 1234 00000A00")


@given(st.binary(max_size=64))
def test_what_is_no_request_is_refused_and_nothing_else_happens(packet):
    try:
        found = gvcp.request_from_bytes(packet)
    except MalformedRequest:
        return
    flags_kept = bytes([packet[1] & 1])
    assert found.pack() == packet[:1] + flags_kept + packet[2:]


@given(st.lists(WORDS, min_size=1, max_size=135))
def test_words_are_read_back_as_they_were_packed(words):
    assert list(gvcp.words_from_bytes(gvcp.pack_addresses(words))) == words


@given(HALVES, st.integers(0, 2**24 - 1), st.integers(0, 2**24 - 1))
def test_what_is_asked_for_again_is_read_back_as_it_was_packed(block_id, first, last):
    assert gvcp.resend_from_bytes(gvcp.pack_resend(block_id, first, last)) == (block_id, first, last)


def block_of(pixels, *, block_id=7, packet_size=576, width=6, height=4):
    return gvsp.Block(
        block_id,
        pixels,
        timestamp=2**40 + 5,
        pixel_format=0x01100025,
        width=width,
        height=height,
        packet_size=packet_size,
    )


@given(st.binary(min_size=1, max_size=4000), st.sampled_from((576, 580, 1500, 9000)))
def test_the_packets_of_a_block_put_together_are_the_picture(pixels, packet_size):
    block = block_of(pixels, packet_size=packet_size)
    packets = [bytes(block.packet(i)) for i in range(len(block))]
    assert b"".join(packet[8:] for packet in packets[1:-1]) == pixels
    assert all(len(packet) + 28 <= packet_size for packet in packets)
    assert [len(packet) + 28 for packet in packets[1:-2]] == [packet_size] * (len(packets) - 3)


@given(st.binary(min_size=1, max_size=4000), st.integers(1, 65535))
def test_packets_say_of_which_block_they_are_which_and_what(pixels, block_id):
    block = block_of(pixels, block_id=block_id)
    headers = [struct.unpack(">HHI", bytes(block.packet(i))[:8]) for i in range(len(block))]
    assert {(status, block) for status, block, _ in headers} == {(0, block_id)}
    assert [kind & 0xFFFFFF for _, _, kind in headers] == list(range(len(block)))
    n_pixels = len(block) - 2
    assert [kind >> 24 for _, _, kind in headers] == [gvsp.LEADER, *[gvsp.PAYLOAD] * n_pixels, gvsp.TRAILER]


def test_a_leader_lies_on_the_wire_as_the_standard_says():
    # "Image data leader" of GigE Vision 1.2: reserved, payload type 1, timestamp (64), pixel format, size x
    # and y, offset x and y, padding x and y.
    leader = bytes(block_of(bytes(48)).packet(0))
    assert leader == bytes.fromhex(
        "0000 0007 01 000000 0000 0001 00000100 00000005 01100025"
        "00000006 00000004 00000000 00000000 0000 0000"
    )


@pytest.mark.parametrize("packet_id", [-1, 5, 2**24])
def test_a_packet_that_a_block_does_not_have_is_refused(packet_id):
    block = block_of(bytes(1100))
    assert len(block) == 5
    with pytest.raises(IndexError):
        block.packet(packet_id)


def test_block_ids_begin_at_1_and_go_on_at_1_after_65535():
    assert [gvsp.block_after(block_id) for block_id in (0, 1, 65534, 65535)] == [1, 2, 65535, 1]


def test_a_test_packet_has_the_size_that_is_tried():
    assert all(len(gvsp.test_packet(size)) == size - 28 for size in (576, 1500, 9000))


@given(st.integers(0, 2**31), st.integers(1, 65535), st.floats(0, 1))
def test_the_same_packets_are_lost_each_time(seed, block_id, share):
    once, again = (gvsp.lost_packets(share, 450, seed=seed, block_id=block_id) for _ in range(2))
    assert np.array_equal(once, again)
    assert not gvsp.lost_packets(0.0, 450, seed=seed, block_id=block_id).any()
    assert gvsp.lost_packets(1.0, 450, seed=seed, block_id=block_id).all()


def test_as_many_packets_are_lost_as_said():
    lost = [gvsp.lost_packets(0.002, 450, seed=5, block_id=i).sum() for i in range(1, 2001)]
    wanted = 0.002 * 450 * 2000
    assert abs(sum(lost) - wanted) < 4 * np.sqrt(wanted)
