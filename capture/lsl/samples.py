"""LSL streams as they lie in a session: the master's topics "lsl/NAME", their messages, and their reader.

A message holds the samples that came within about 50 ms; its log time is when they came, on the master's
monotonic clock, its sequence the number of the connection. "lsl/NAME/clock" holds LSL's time corrections,
"lsl/NAME/info" the stream's own description.
"""

import json
import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ...errors import SessionError
from ..mcap_file import Channel
from ..mcap_reader import McapReader
from ..payload import HEADER, decode_json
from ..session import Session

FIRST_CHANNEL = 1000
CHANNELS_PER_STREAM = 4
CONNECTIONS_PER_BOOT = 1_000_000
ENCODING = "lsl samples"
DTYPES = ("int8", "int16", "int32", "int64", "float32", "float64", "string")
COUNT = struct.Struct("<I")
MAX_I64 = 2**63 - 1


class Add(Protocol):
    """What takes a message: as `McapWriter.append`, but safe to call from any thread."""

    def __call__(
        self, channel: Channel, payload: bytes, *, log_ns: int, publish_ns: int, sequence: int
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class StreamForm:
    """What a stream is, as far as its samples can be read with it.

    Attributes
    ----------
    number : of the stream within the master; gives its channels their ids
    topic : "lsl/NAME", NAME being the stream's name in plain letters
    name, kind, host, source_id : as the stream calls itself
    dtype : of `DTYPES`
    n_channels : values per sample
    nominal_hz : 0 for a stream without a rate
    """

    number: int
    topic: str
    name: str
    kind: str
    host: str
    source_id: str
    dtype: str
    n_channels: int
    nominal_hz: float

    @property
    def samples(self) -> Channel:
        """The channel of the samples."""
        metadata = {
            "layout": "u32 n; n float64 LSL time stamps in s; n samples (as dtype, or JSON where string)",
            "name": self.name,
            "type": self.kind,
            "host": self.host,
            "source_id": self.source_id,
            "dtype": self.dtype,
            "n_channels": str(self.n_channels),
            "nominal_hz": repr(self.nominal_hz),
        }
        return Channel(self._id(0), self.topic, ENCODING, metadata)

    @property
    def clock(self) -> Channel:
        """The channel of the corrections: t_ns (master), correction_s (to be added to a time stamp for LSL's
        time on the master's machine), lsl_ahead_s (of that clock against the monotonic one).
        """
        return Channel(self._id(1), f"{self.topic}/clock", "json")

    @property
    def info(self) -> Channel:
        """The channel of the stream's description: xml."""
        return Channel(self._id(2), f"{self.topic}/info", "json")

    def _id(self, which: int) -> int:
        return FIRST_CHANNEL + CHANNELS_PER_STREAM * self.number + which


def topic_of(name: str, taken: Sequence[str]) -> str:
    """Return a topic for a stream's name that is not among those taken."""
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)[:64] or "stream"
    topic, n = f"lsl/{plain}", 1
    while topic in taken:
        n += 1
        topic = f"lsl/{plain}-{n}"
    return topic


def pack_samples(stamps_s: NDArray[np.float64], values: np.ndarray) -> bytes:
    """Return samples as a message's payload.

    Parameters
    ----------
    stamps_s : (N,) float64, seconds on the clock of the stream
    values : (N, C) of a dtype of `DTYPES`, or of object: bytes
    """
    head = COUNT.pack(len(stamps_s)) + np.asarray(stamps_s, "<f8").tobytes()
    if values.dtype == object:
        words = [[bytes(word).decode(errors="backslashreplace") for word in row] for row in values]
        return head + json.dumps(words).encode()
    return head + np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes()


def unpack_samples(payload: bytes, form: StreamForm) -> tuple[NDArray[np.float64], np.ndarray]:
    """Return time stamps (N,) and values (N, C) of a message, str in an object array for a string stream.

    Raises
    ------
    SessionError
        The payload is not what the stream's form says.
    """
    try:
        (n,) = COUNT.unpack_from(payload)
        stamps_s = np.frombuffer(payload, "<f8", n, COUNT.size)
        rest = payload[COUNT.size + 8 * n :]
        if form.dtype == "string":
            values = np.array(json.loads(rest), object).reshape(n, form.n_channels)
        else:
            values = np.frombuffer(rest, np.dtype(form.dtype).newbyteorder("<")).reshape(n, form.n_channels)
    except (struct.error, ValueError, TypeError) as error:
        raise SessionError(f"samples of {form.topic!r} cannot be read ({error})") from error
    return stamps_s, values


def publish_time_ns(stamp_s: float) -> int:
    """Return an LSL time stamp as a message's time: nanoseconds, 0 where it is none."""
    return round(stamp_s * 1e9) if 0 <= stamp_s * 1e9 < MAX_I64 else 0


@dataclass(frozen=True, slots=True)
class LslStream:
    """A recorded LSL stream.

    Attributes
    ----------
    form : what it is
    stamps_s : (N,) float64, as the stream stamped its samples, on its own clock
    arrived_ns : (N,) int64, when they came, on the master's monotonic clock
    connection : (N,) int64, 0 for the first connection, one more after each loss, a million more after each
        boot of the master's machine
    values : (N, C); (0, C) where they were not asked for
    clock : (M, 4) float64: connection, t_ns, correction_s, lsl_ahead_s; as `StreamForm.clock`
    """

    form: StreamForm
    stamps_s: NDArray[np.float64]
    arrived_ns: NDArray[np.int64]
    connection: NDArray[np.int64]
    values: np.ndarray
    clock: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.stamps_s)


def read_streams(session: Session, *, values: bool = True) -> tuple[LslStream, ...]:
    """Return the LSL streams that the master of a session recorded, by topic; none where it recorded none.

    Raises
    ------
    SessionError
        A file of the master is missing, torn or damaged.
    """
    master = session.record.master
    readers = [McapReader(session.path / name) for name in (master.files if master is not None else ())]
    found: dict[str, StreamForm] = {}
    for reader in readers:
        for channel in reader.channels.values():
            if channel.message_encoding == ENCODING:
                form = _form(channel, reader.path)
                first = found.setdefault(channel.topic, form)
                if (form.dtype, form.n_channels) != (first.dtype, first.n_channels):
                    raise SessionError(
                        f"topic {form.topic!r} holds {first.n_channels} {first.dtype} values per sample, "
                        f"then {form.n_channels} {form.dtype}: {reader.path}"
                    )
    return tuple(_read(readers, form, values=values) for _, form in sorted(found.items()))


def _read(readers: Sequence[McapReader], form: StreamForm, *, values: bool) -> LslStream:
    stamps, arrived, connection, samples = [], [], [], []
    for row, number, payload in _messages(readers, form.topic):
        stamps_s, found = unpack_samples(payload, form)
        stamps.append(stamps_s)
        arrived.append(np.full(len(stamps_s), row["log_ns"], np.int64))
        connection.append(np.full(len(stamps_s), number, np.int64))
        if values:
            samples.append(found)
    clock = []
    for _, number, payload in _messages(readers, form.clock.topic):
        table = decode_json(payload)
        clock.append((number, *(table.get(key, np.nan) for key in ("t_ns", "correction_s", "lsl_ahead_s"))))
    dtype = object if form.dtype == "string" else np.dtype(form.dtype)
    return LslStream(
        form=form,
        stamps_s=np.concatenate([np.empty(0), *stamps]),
        arrived_ns=np.concatenate([np.empty(0, np.int64), *arrived]),
        connection=np.concatenate([np.empty(0, np.int64), *connection]),
        values=np.concatenate([np.empty((0, form.n_channels), dtype), *samples]),
        clock=np.array(clock, np.float64).reshape(-1, 4),
    )


def _messages(readers: Sequence[McapReader], topic: str) -> Iterator[tuple[np.void, int, bytes]]:
    """Yield row, connection and payload of a topic's messages; another boot's connections count on."""
    boots: list[str] = []
    for reader in readers:
        ids = {channel.topic: channel.id for channel in reader.channels.values()}
        header = reader.rows[reader.rows["channel"] == ids.get(HEADER.topic, 0)]
        boot = str(decode_json(reader.payload(header[0])).get("boot_id", "")) if len(header) else ""
        if boot not in boots:
            boots.append(boot)
        for row in reader.rows[reader.rows["channel"] == ids.get(topic, 0)]:
            yield row, CONNECTIONS_PER_BOOT * boots.index(boot) + int(row["sequence"]), reader.payload(row)


def _form(channel: Channel, path: Path) -> StreamForm:
    try:
        form = StreamForm(
            number=(channel.id - FIRST_CHANNEL) // CHANNELS_PER_STREAM,
            topic=channel.topic,
            name=channel.metadata["name"],
            kind=channel.metadata["type"],
            host=channel.metadata["host"],
            source_id=channel.metadata["source_id"],
            dtype=channel.metadata["dtype"],
            n_channels=int(channel.metadata["n_channels"]),
            nominal_hz=float(channel.metadata["nominal_hz"]),
        )
        if form.dtype not in DTYPES or form.n_channels < 1:
            raise ValueError(f"dtype {form.dtype!r}, {form.n_channels} channels")
    except (KeyError, ValueError) as error:
        raise SessionError(
            f"channel {channel.topic!r} does not say what it holds ({error}): {path}"
        ) from error
    return form
