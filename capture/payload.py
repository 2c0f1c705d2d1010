"""The payloads of a session's messages: frames as JPEG or blosc2, pings and counters as JSON.

Measured on one core, per frame: color 1080p as JPEG 6 ms and 0.3 to 0.5 MB at 39 dB; without loss 15 ms and
2.7 to 3.5 MB. JPEG XL would take 10 ms and 3 % more room, but 56 ms instead of 10 to decode, and another
library; PNG and WebP take 130 ms and more. uint16 takes under 1 ms.
"""

import json
from datetime import UTC, datetime
from typing import Literal, cast

import blosc2
import numpy as np
import simplejpeg
from foxglove_schemas_protobuf.CompressedImage_pb2 import CompressedImage
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorSet

from ..errors import SessionError
from .mcap_file import Channel
from .streams import Frame, Stream, StreamSpec, check_pixels

Color = Literal["jpeg", "lossless", "device"]
"""How color is stored: as our JPEG, without loss, or as the JPEG that the camera itself makes."""

JPEG_QUALITY = 95
BLOSC2 = {
    "typesize": 2,
    "clevel": 1,
    "codec": blosc2.Codec.ZSTD,
    "filters": [blosc2.Filter.BITSHUFFLE],
    "nthreads": 1,
}
BLOSC2_COLOR = BLOSC2 | {
    "typesize": 3,
    "filters": [blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA],
    "filters_meta": [0, 3],
}
"""Red, green and blue apart, each as differences along the row."""
CODEC_UINT16 = "blosc2 bitshuffle zstd 1"
CODEC_COLOR: dict[Color, str] = {
    "jpeg": f"jpeg q{JPEG_QUALITY} 4:2:0",
    "lossless": "blosc2 shuffle bytedelta zstd 1",
    "device": "jpeg of the camera",
}
"""What a channel's metadata say of its payloads; the first word is what `decode` goes by."""
CHANNEL_IDS = {stream: number for number, stream in enumerate(Stream, start=1)}
CLOCK = Channel(id=101, topic="clock", message_encoding="json")
"""Ping exchanges: the recorder sends at t0_ns, the master receives at t1_ns and answers at t2_ns (both on its
clock), the recorder receives at t3_ns."""
HEADER = Channel(id=102, topic="header", message_encoding="json")
"""First message of every file: the session's record and the recorder's name."""
COUNTERS = Channel(id=103, topic="counters", message_encoding="json")
"""Once a second: how many frames the recorder kept, and lost for which reason, so far."""

EVENTS = Channel(id=104, topic="events", message_encoding="json")
"""What went wrong or changed, when: t_ns (of the recorder's clock), kind, text."""
FLAGS = Channel(id=106, topic="flags", message_encoding="json")
"""What cameras say of single frames: stream, frame_id, flags (see camera.Capture)."""
DOCUMENTS = Channel(id=107, topic="documents", message_encoding="json")
"""Texts that belong to the recording, such as a camera's own description of its settings: name, text."""
CLOCK_READINGS = Channel(id=108, topic="clock_readings", message_encoding="json")
"""The camera's clock read beside the host's: device_ns, before_ns, after_ns (see camera.ClockReading)."""
MARKERS = Channel(id=105, topic="markers", message_encoding="json")
"""Moments that somebody named, in the master's file: t_ns (of the master's clock), label, source."""


def _descriptors(file: FileDescriptor) -> FileDescriptorSet:
    """Return a protobuf file's descriptor and those that it imports, imports first."""
    found = FileDescriptorSet()
    for needed in file.dependencies:
        found.MergeFrom(_descriptors(needed))
    file.CopyToProto(found.file.add())
    return found


COMPRESSED_IMAGE = _descriptors(CompressedImage.DESCRIPTOR.file).SerializeToString()


def stream_channel(spec: StreamSpec, *, color: Color = "jpeg") -> Channel:
    """Return the channel that carries the frames of a stream; `color` says how a color stream is stored."""
    codec = CODEC_COLOR[color] if spec.dtype == "uint8" else CODEC_UINT16
    metadata = {
        "shape": json.dumps(list(spec.shape)),
        "dtype": spec.dtype,
        "unit": spec.unit,
        "codec": codec,
    }
    number, topic = CHANNEL_IDS[spec.stream], spec.stream.value
    if codec.startswith("jpeg"):
        schema = {
            "schema_name": "foxglove.CompressedImage",
            "schema_encoding": "protobuf",
            "schema_data": COMPRESSED_IMAGE,
        }
        return Channel(number, topic, "protobuf", metadata, **schema)
    return Channel(number, topic, "blosc2", metadata)


def spec_of_channel(channel: Channel, *, where: object) -> StreamSpec:
    """Return the stream that a channel carries; raises SessionError if its metadata do not say."""
    try:
        shape = tuple(int(side) for side in json.loads(channel.metadata["shape"]))
        return StreamSpec(
            Stream(channel.topic), shape, str(np.dtype(channel.metadata["dtype"])), channel.metadata["unit"]
        )
    except (KeyError, ValueError, TypeError) as error:
        raise SessionError(
            f"channel {channel.topic!r} wants shape, dtype and unit, found {channel.metadata!r}: {where}"
        ) from error


def codec_of_channel(channel: Channel) -> str:
    """Return how the payloads of a channel are encoded, as `decode` takes it; "" where it does not say."""
    return channel.metadata.get("codec", "")


def encode(frame: Frame, spec: StreamSpec, *, color: Color = "jpeg") -> bytes:
    """Return a frame's pixels as they are stored; uint16 without loss, uint8 as `color` says.

    A frame that brings the camera's own JPEG along is stored as that, as it is, unless `color` is "lossless".

    Raises
    ------
    SessionError
        The pixels, or those of the camera's JPEG, have not the shape and dtype of `spec`; or `color` is
        "device" and the frame brings no JPEG.
    """
    if spec.dtype == "uint16":
        check_pixels(frame.pixels, spec)
        return cast(bytes, blosc2.compress2(np.ascontiguousarray(frame.pixels), **BLOSC2))
    if color == "lossless":
        check_pixels(frame.pixels, spec)
        return cast(bytes, blosc2.compress2(np.ascontiguousarray(frame.pixels), **BLOSC2_COLOR))
    jpeg: bytes | None = getattr(frame, "encoded", None)
    if jpeg is not None:
        _check_jpeg(jpeg, spec)
    elif color == "device":
        raise SessionError(
            f"stream {spec.stream.value!r} wants the camera's own JPEG, found a frame without one"
        )
    else:
        check_pixels(frame.pixels, spec)
        jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(frame.pixels), JPEG_QUALITY, "RGB", "420")
    image = CompressedImage(frame_id=spec.stream.value, format="jpeg", data=jpeg)
    image.timestamp.FromNanoseconds(frame.host_time_ns)
    return image.SerializeToString()


def decode(payload: bytes, spec: StreamSpec, codec: str = "") -> np.ndarray:
    """Return the pixels of a stored payload, a fresh array of the shape and dtype of `spec`.

    Costs on one core about 7 ms for 1080p color, 10 ms where that is stored without loss, and 0.5 ms for
    uint16; next to nothing of it is not the codec's.

    Parameters
    ----------
    codec : of the payload's channel (`codec_of_channel`); "" stands for the usual one of the dtype

    Raises
    ------
    SessionError
        The payload cannot be decoded, or not into `spec`.
    """
    kind = (codec or ("blosc2" if spec.dtype == "uint16" else "jpeg")).split()[0]
    try:
        if kind == "blosc2":
            return _from_blosc2(payload, spec)
        if kind != "jpeg":
            raise SessionError(f"this version of mavfer knows no codec {codec!r}")
        pixels = simplejpeg.decode_jpeg(jpeg_of(payload), "RGB")
    except Exception as error:  # each codec has errors of its own, some of them bare RuntimeError
        raise SessionError(f"a {spec.stream.value} frame cannot be decoded ({error})") from error
    check_pixels(pixels, spec)
    return pixels


def jpeg_of(payload: bytes) -> bytes:
    """Return the JPEG of a stored color payload as it is, without decoding it."""
    return CompressedImage.FromString(payload).data


def _from_blosc2(payload: bytes, spec: StreamSpec) -> np.ndarray:
    """Return the pixels of a blosc2 payload, decompressed in place: a copy would cost half as much again."""
    pixels = np.empty(spec.shape, spec.dtype)
    n_bytes = blosc2.get_cbuffer_sizes(payload)[0]
    if n_bytes != pixels.nbytes:  # the decompressor does not look how large the place is that it fills
        raise SessionError(f"it holds {n_bytes} bytes, {spec.shape} {spec.dtype} are {pixels.nbytes}")
    blosc2.decompress2(payload, dst=pixels)
    return pixels


def _check_jpeg(jpeg: bytes, spec: StreamSpec) -> None:
    """Raise SessionError unless a camera's JPEG is one, of the size that `spec` promises."""
    try:
        height, width, *_ = simplejpeg.decode_jpeg_header(jpeg)
    except ValueError as error:
        raise SessionError(
            f"stream {spec.stream.value!r} wants the camera's own JPEG, found none ({error})"
        ) from error
    if (height, width) != spec.shape[:2]:
        raise SessionError(
            f"stream {spec.stream.value!r} wants a JPEG of {spec.shape[:2]}, found {(height, width)}"
        )


def encode_json(table: dict[str, object]) -> bytes:
    """Return a small table as a message's payload."""
    return json.dumps(table, separators=(",", ":")).encode()


def decode_json(payload: bytes) -> dict:
    """Return the table of a JSON message; raises SessionError if there is none."""
    try:
        table = json.loads(payload)
    except ValueError as error:
        raise SessionError(f"wanted a JSON message, found {payload[:40]!r}") from error
    if not isinstance(table, dict):
        raise SessionError(f"wanted a JSON table, found {payload[:40]!r}")
    return table


def utc_now() -> str:
    """Return the time of day, ISO 8601, to the second."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
