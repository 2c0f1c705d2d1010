"""Another process that wants the camera: `python -m mavfer.capture.hardware.second_program NAME < rig.toml`.

Prints one line of JSON: whether the camera opened, and else the error that it was refused with.
"""

import json
import sys

from ...errors import MavferError
from ..cameras import make_camera, make_clock
from ..rig import parse_rig


def main() -> None:
    """Open the camera of the recorder that the command line names, and close it."""
    name = sys.argv[1]
    rig = parse_rig(sys.stdin.read(), where="standard input")
    camera = make_camera(
        rig.recorders[name], rig=rig, subject="S01", seconds=10.0, clock=make_clock(rig, name)
    )
    answer = {"opened": True, "error": "", "kind": ""}
    try:
        camera.open()
    except MavferError as error:
        answer = {"opened": False, "error": str(error), "kind": type(error).__name__}
    camera.close()
    print(json.dumps(answer))


if __name__ == "__main__":
    main()
