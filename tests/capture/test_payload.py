from dataclasses import dataclass

import blosc2
import numpy as np
import pytest
import simplejpeg
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage

from mavfer.capture.mcap_file import Channel
from mavfer.capture.payload import (
    BLOSC2_COLOR,
    COMPRESSED_IMAGE,
    codec_of_channel,
    decode,
    decode_json,
    encode,
    encode_json,
    jpeg_of,
    spec_of_channel,
    stream_channel,
)
from mavfer.capture.streams import COLOR_1080P, KINECT_DEPTH, Frame, Stream, StreamSpec
from mavfer.errors import SessionError


@pytest.mark.parametrize("kind", ["noise", "zeros", "largest", "smooth"])
@pytest.mark.parametrize("shape", [(424, 512), (7, 3), (1, 1)])
def test_uint16_pixels_come_back_bit_for_bit(kind, shape):
    rng = np.random.default_rng(0)
    pixels = {
        "noise": rng.integers(0, 65536, shape),
        "zeros": np.zeros(shape),
        "largest": np.full(shape, 65535),
        "smooth": np.add.outer(np.arange(shape[0]), np.arange(shape[1])) + 800,
    }[kind].astype(np.uint16)
    spec = StreamSpec(Stream.DEPTH, shape, "uint16", "mm")
    found = decode(encode(Frame(Stream.DEPTH, pixels, 1, 2, 3), spec), spec)
    np.testing.assert_array_equal(found, pixels)
    assert found.flags.writeable


def test_a_view_of_a_larger_picture_is_stored_as_what_it_shows():
    wide = np.random.default_rng(1).integers(0, 65536, (40, 60)).astype(np.uint16)
    spec = StreamSpec(Stream.DEPTH, (20, 30), "uint16", "mm")
    found = decode(encode(Frame(Stream.DEPTH, wide[::2, ::2], 1, 2, 3), spec), spec)
    np.testing.assert_array_equal(found, wide[::2, ::2])


@pytest.mark.parametrize("shape", [(48, 64, 3), (49, 63, 3)])
def test_color_comes_back_in_its_own_size_and_order_of_channels(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    pixels = np.stack([2 * rows + 60, 2 * columns + 40, np.full_like(rows, 30)], axis=-1).astype(np.uint8)
    spec = StreamSpec(Stream.COLOR, shape, "uint8", "sRGB")
    found = decode(encode(Frame(Stream.COLOR, pixels, 1, 2, 3), spec), spec)
    assert np.abs(found.astype(int) - pixels).max() <= 8


def test_color_is_the_public_schema_s_own_message():
    pixels = np.full(COLOR_1080P.shape, 128, np.uint8)
    image = CompressedImage.FromString(encode(Frame(Stream.COLOR, pixels, 5, 7_000_000_009, 3), COLOR_1080P))
    assert (image.format, image.frame_id, image.timestamp.ToNanoseconds()) == ("jpeg", "color", 7_000_000_009)
    assert image.data.startswith(b"\xff\xd8\xff")
    assert b"foxglove/CompressedImage.proto" in COMPRESSED_IMAGE
    assert b"google/protobuf/timestamp.proto" in COMPRESSED_IMAGE


@pytest.mark.parametrize("spec", [COLOR_1080P, KINECT_DEPTH])
def test_a_channel_tells_the_stream_that_it_was_made_of(spec):
    assert spec_of_channel(stream_channel(spec), where="here") == spec


def test_a_channel_that_tells_no_shape_is_refused():
    with pytest.raises(SessionError, match="wants shape, dtype and unit"):
        spec_of_channel(Channel(1, "depth", "blosc2", {}), where="here")


def test_pixels_of_another_shape_are_refused():
    frame = Frame(Stream.DEPTH, np.zeros((3, 3), np.uint16), 1, 2, 3)
    with pytest.raises(SessionError, match=r"wants \(424, 512\) uint16, found \(3, 3\) uint16"):
        encode(frame, KINECT_DEPTH)


@pytest.mark.parametrize("spec", [COLOR_1080P, KINECT_DEPTH])
@pytest.mark.parametrize("payload", [b"", b"\x00" * 40, b"no picture at all, but long enough for a header"])
def test_bytes_that_are_no_picture_are_refused(spec, payload):
    with pytest.raises(SessionError, match="cannot be decoded"):
        decode(payload, spec)


def test_a_payload_of_another_size_is_refused():
    small = StreamSpec(Stream.DEPTH, (4, 4), "uint16", "mm")
    payload = encode(Frame(Stream.DEPTH, np.zeros((4, 4), np.uint16), 1, 2, 3), small)
    with pytest.raises(SessionError, match="cannot be decoded"):
        decode(payload, KINECT_DEPTH)


def test_tables_come_back_as_they_were():
    table = {"lost": {"queue": 3}, "kept": 7, "name": "Grüße"}
    assert decode_json(encode_json(table)) == table


@pytest.mark.parametrize("payload", [b"", b"[1]", b"\xff"])
def test_bytes_that_are_no_table_are_refused(payload):
    with pytest.raises(SessionError, match="wanted a JSON"):
        decode_json(payload)


SMALL = StreamSpec(Stream.COLOR, (48, 64, 3), "uint8", "sRGB")


@dataclass(frozen=True)
class CameraFrame(Frame):
    """A frame that brings the JPEG along that its camera made."""

    encoded: bytes | None = None


def gradient(shape):
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    return np.stack([rows * 4, columns * 3, rows + columns], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("kind", ["noise", "zeros", "smooth"])
@pytest.mark.parametrize("shape", [(1080, 1920, 3), (48, 64, 3), (7, 3, 3), (1, 1, 3)])
def test_color_without_loss_comes_back_bit_for_bit(kind, shape):
    pixels = {
        "noise": np.random.default_rng(0).integers(0, 256, shape, np.uint8),
        "zeros": np.zeros(shape, np.uint8),
        "smooth": gradient(shape),
    }[kind]
    spec = StreamSpec(Stream.COLOR, shape, "uint8", "sRGB")
    channel = stream_channel(spec, color="lossless")
    payload = encode(Frame(Stream.COLOR, pixels, 1, 2, 3), spec, color="lossless")
    found = decode(payload, spec, codec_of_channel(channel))
    np.testing.assert_array_equal(found, pixels)
    assert found.flags.writeable
    assert found.flags.c_contiguous


@pytest.mark.parametrize("color", ["jpeg", "lossless", "device"])
def test_a_channel_tells_its_stream_however_color_is_stored(color):
    channel = stream_channel(COLOR_1080P, color=color)
    assert spec_of_channel(channel, where="here") == COLOR_1080P
    assert (channel.schema_name == "foxglove.CompressedImage") == (color != "lossless")
    assert stream_channel(KINECT_DEPTH, color=color) == stream_channel(KINECT_DEPTH)


@pytest.mark.parametrize("color", ["jpeg", "device"])
def test_a_camera_s_own_jpeg_is_stored_byte_for_byte(color):
    jpeg = simplejpeg.encode_jpeg(gradient(SMALL.shape), 60, "RGB", "422")
    nothing = np.empty((0, 0, 3), np.uint8)
    payload = encode(CameraFrame(Stream.COLOR, nothing, 1, 2, 3, jpeg), SMALL, color=color)
    assert jpeg_of(payload) == jpeg
    found = decode(payload, SMALL, codec_of_channel(stream_channel(SMALL, color=color)))
    np.testing.assert_array_equal(found, simplejpeg.decode_jpeg(jpeg, "RGB"))


@pytest.mark.parametrize(
    ("jpeg", "match"),
    [
        (
            simplejpeg.encode_jpeg(np.zeros((24, 64, 3), np.uint8)),
            r"wants a JPEG of \(48, 64\), found \(24, 64\)",
        ),
        (b"no picture", "wants the camera's own JPEG, found none"),
        (b"", "wants the camera's own JPEG, found none"),
    ],
)
def test_a_camera_s_jpeg_of_another_size_or_none_is_refused(jpeg, match):
    frame = CameraFrame(Stream.COLOR, gradient(SMALL.shape), 1, 2, 3, jpeg)
    with pytest.raises(SessionError, match=match):
        encode(frame, SMALL, color="device")


def test_a_camera_that_should_bring_its_jpeg_and_does_not_is_refused():
    with pytest.raises(SessionError, match="found a frame without one"):
        encode(Frame(Stream.COLOR, gradient(SMALL.shape), 1, 2, 3), SMALL, color="device")


def test_a_payload_that_holds_more_than_the_picture_is_refused_before_it_is_unpacked():
    large = blosc2.compress2(np.zeros((200, 64, 3), np.uint8), **BLOSC2_COLOR)
    codec = codec_of_channel(stream_channel(SMALL, color="lossless"))
    with pytest.raises(SessionError, match=r"it holds 38400 bytes, \(48, 64, 3\) uint8 are 9216"):
        decode(large, SMALL, codec)


def test_a_codec_of_a_later_version_is_named():
    with pytest.raises(SessionError, match="knows no codec 'wavelets 9'"):
        decode(b"payload", SMALL, "wavelets 9")


def test_a_payload_in_another_codec_than_its_channel_s_is_refused():
    frame = Frame(Stream.COLOR, gradient(SMALL.shape), 1, 2, 3)
    for color, other in (("jpeg", "lossless"), ("lossless", "jpeg")):
        codec = codec_of_channel(stream_channel(SMALL, color=other))
        with pytest.raises(SessionError, match="cannot be decoded"):
            decode(encode(frame, SMALL, color=color), SMALL, codec)
