"""What Foxglove and Rerun find in a session's files without conversion, by their own libraries."""

import io

import av
import numpy as np
import pytest
import simplejpeg
from foxglove_schemas_protobuf import CompressedImage_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from mcap.reader import make_reader
from mcap_protobuf.decoder import DecoderFactory
from PIL import Image

from mavfer.capture.session import open_session
from mavfer.capture.streams import Frame, Stream, StreamSpec

SMOOTH = StreamSpec(Stream.COLOR, (48, 64, 3), "uint8", "sRGB")


@pytest.fixture
def session(make_session):
    return open_session(make_session(segment_bytes=30_000))


def files_of(session):
    recorder = session.record.recorders[session.recorder_of(Stream.COLOR)]
    assert len(recorder.files) > 1
    return [session.path / name for name in recorder.files]


def brightness_by_ffmpeg(jpeg):
    """Return the brightness of a JPEG (H, W) as FFmpeg's own decoder sees it: no libjpeg is in that."""
    (frame,) = av.CodecContext.create("mjpeg", "r").decode(av.Packet(jpeg))
    return frame.to_ndarray()[: frame.height]


def test_the_public_library_decodes_color_with_the_schema_that_the_file_carries(session):
    images = []
    for file in files_of(session):
        with file.open("rb") as stream:
            reader = make_reader(stream, decoder_factories=[DecoderFactory()])
            for schema, channel, message, image in reader.iter_decoded_messages(topics=["color"]):
                assert (schema.name, schema.encoding) == ("foxglove.CompressedImage", "protobuf")
                assert channel.message_encoding == "protobuf"
                images.append((message, image))
    assert len(images) == 20
    for (message, image), frame in zip(images, session.frames(Stream.COLOR), strict=True):
        assert (image.format, image.frame_id) == ("jpeg", "color")
        assert image.timestamp.seconds * 10**9 + image.timestamp.nanos == message.log_time
        assert message.sequence == frame.frame_id
        decoded = np.asarray(Image.open(io.BytesIO(image.data)).convert("RGB")).astype(int)
        assert np.abs(decoded - frame.pixels).mean() < 2
        brightness = brightness_by_ffmpeg(image.data)
        assert np.abs(brightness.astype(int) - simplejpeg.decode_jpeg(image.data, "GRAY")[..., 0]).max() <= 2


def test_the_schema_in_the_file_is_foxglove_s_own(session):
    with files_of(session)[0].open("rb") as stream:
        summary = make_reader(stream).get_summary()
    assert summary is not None
    (schema,) = (schema for schema in summary.schemas.values() if schema.name)
    pool = DescriptorPool()
    for file in FileDescriptorSet.FromString(schema.data).file:
        pool.Add(file)
    found = pool.FindMessageTypeByName(schema.name)
    public = CompressedImage_pb2.CompressedImage.DESCRIPTOR
    assert [(f.name, f.number, f.type) for f in found.fields] == [
        (f.name, f.number, f.type) for f in public.fields
    ]


def test_every_other_channel_reads_as_messages_with_times_and_metadata(session):
    seen = {}
    for file in files_of(session):
        with file.open("rb") as stream:
            for _, channel, message in make_reader(stream, validate_crcs=True).iter_messages():
                seen.setdefault(channel.topic, []).append(message)
                if channel.topic == "depth":
                    assert channel.metadata["unit"] == "mm"
                    assert channel.message_encoding == "blosc2"
    assert len(seen["depth"]) == 20
    assert len(seen["header"]) == len(files_of(session))


def test_rerun_finds_color_as_pictures_and_the_rest_as_bare_messages(session):
    pytest.importorskip("rerun")
    from rerun.chunk import McapReader

    pictures, columns = [], {}
    for file in files_of(session):
        for chunk in McapReader(file).stream().to_chunks():
            for row in chunk.to_record_batch().to_pylist():
                columns.setdefault(chunk.entity_path, set()).update(row)
                if "EncodedImage:blob" in row:
                    assert row["EncodedImage:media_type"] == ["image/jpeg"]
                    pictures.append(bytes(row["EncodedImage:blob"][0]))
    assert len(pictures) == 20
    for jpeg, frame in zip(pictures, session.frames(Stream.COLOR), strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)
        assert np.abs(decoded - frame.pixels).mean() < 2
    assert "McapMessage:data" in columns["/depth"]


@pytest.mark.parametrize("quality", [60, 100])
def test_a_camera_s_own_jpeg_is_shown_as_the_camera_made_it(tmp_path, quality):
    from mavfer.capture.mcap_file import McapWriter
    from mavfer.capture.payload import encode, stream_channel

    rows, columns = np.mgrid[:48, :64]
    pixels = np.stack([rows * 4, columns * 3, rows + columns], axis=-1).astype(np.uint8)
    made = io.BytesIO()
    Image.fromarray(pixels).save(made, "JPEG", quality=quality)
    frame = CameraFrame(Frame(Stream.COLOR, pixels, 5, 7, 3), made.getvalue())
    writer = McapWriter(tmp_path / "a.mcap")
    payload = encode(frame, SMOOTH, color="device")
    writer.append(stream_channel(SMOOTH, color="device"), payload, log_ns=7, publish_ns=5, sequence=3)
    writer.finish()
    writer.close()
    with (tmp_path / "a.mcap").open("rb") as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        ((_, channel, _, image),) = reader.iter_decoded_messages()
    assert image.data == made.getvalue()
    assert channel.metadata["codec"] == "jpeg of the camera"


class CameraFrame:
    """A frame that brings the camera's own JPEG along, and its pixels not."""

    def __init__(self, frame, encoded):
        self.stream, self.host_time_ns, self.encoded = frame.stream, frame.host_time_ns, encoded
