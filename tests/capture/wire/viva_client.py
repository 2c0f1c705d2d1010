"""An independent GigE Vision client: `viva_client.py OUT.npz N` keeps N frames of the camera on loopback."""

import sys

import numpy as np
import viva_genicam

SETTINGS = {
    "PixelFormat": "Mono14",
    "TemperatureLinearMode": "On",
    "TemperatureLinearResolution": "High",
    "NUCMode": "Manual",
}


def main() -> None:
    """Discover, set, stream, and keep pixels, block ids and timestamps."""
    found = viva_genicam.discover(timeout_ms=2000, iface="lo")
    with viva_genicam.connect_gige(found[0]) as camera:
        for name, value in SETTINGS.items():
            camera.set(name, value)
        read_back = {name: camera.get(name) for name in SETTINGS}
        frames = []
        with camera.stream() as stream:
            while len(frames) < int(sys.argv[2]):
                frames.append(stream.next_frame(10_000))
        np.savez(
            sys.argv[1],
            model=found[0].model,
            info=camera.get("DeviceManufacturerInfo"),
            skipped=[str(node) for node in camera.skipped()],
            settings=[read_back[name] == value for name, value in SETTINGS.items()],
            pixel_format=frames[0].pixel_format,
            pixels=np.stack([frame.to_numpy() for frame in frames]),
            block_id=[frame.block_id for frame in frames],
            ticks=[frame.ts_dev for frame in frames],
        )


main()
