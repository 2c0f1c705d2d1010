"""The command that puts a simulated camera on the wire."""

import json
import threading
from contextlib import suppress
from enum import StrEnum
from time import monotonic
from typing import Annotated

import typer

SCENE = "What it films"
FAULTS = "Faults"
LOOK_AGAIN_S = 0.1

Address = Annotated[str, typer.Option(help="Where it answers; several cameras differ in it.")]
Serial = Annotated[str, typer.Option(help="Up to 15 letters and digits.")]
Seconds = Annotated[float | None, typer.Option(help="End by itself after that.", min=0.1)]
EndWithInput = Annotated[bool, typer.Option("--end-with-input", help="End when stdin does.")]
NucEvery = Annotated[
    float,
    typer.Option(
        metavar="SECONDS", help="From correction to correction in NUCMode Automatic; 0: none.", min=0
    ),
]
NucLength = Annotated[float, typer.Option(metavar="SECONDS", help="How long each holds the picture.", min=0)]
Packed = Annotated[bool, typer.Option("--zip", help="Hold the GenICam XML zipped.")]
Subject = Annotated[
    str, typer.Option(help="A pseudonym for who is filmed, never a name.", rich_help_panel=SCENE)
]
Target = Annotated[
    str, typer.Option("--scene", help="What stands before it: face or board.", rich_help_panel=SCENE)
]
Board = Annotated[str, typer.Option(help="The board, as in a rig file.", rich_help_panel=SCENE)]
Seed = Annotated[int, typer.Option(help="Another seed is another take.", rich_help_panel=SCENE)]
Light = Annotated[float, typer.Option(help="Share of full light, 0.05 to 1.", rich_help_panel=SCENE)]
Hold = Annotated[
    float,
    typer.Option(
        metavar="SECONDS",
        help="How long a board is held still at each place.",
        min=0.2,
        max=10,
        rich_help_panel=SCENE,
    ),
]
SceneSeconds = Annotated[
    float, typer.Option(help="Length of the take that is filmed.", min=0.1, rich_help_panel=SCENE)
]
SceneStart = Annotated[
    int | None,
    typer.Option(
        metavar="NANOSECONDS",
        help="Its beginning on the monotonic clock; now, if not said.",
        rich_help_panel=SCENE,
    ),
]
Drop = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        help="Of the packets, how many are lost, 0 to 1.",
        min=0,
        max=1,
        rich_help_panel=FAULTS,
    ),
]
Resend = Annotated[
    bool, typer.Option("--resend/--no-resend", help="Send lost packets again.", rich_help_panel=FAULTS)
]
DriftPpm = Annotated[
    float,
    typer.Option(
        help="How much too fast its clock runs, parts per million.", min=-500, max=500, rich_help_panel=FAULTS
    ),
]
SwapBytes = Annotated[
    bool, typer.Option("--swap-bytes", help="Mono16 the wrong way round.", rich_help_panel=FAULTS)
]
FirstBlock = Annotated[
    int,
    typer.Option(
        help="Number of each stream's first frame; 1 follows 65535.", min=1, max=65535, rich_help_panel=FAULTS
    ),
]


class Fps(StrEnum):
    """The two models of the A65."""

    FAST = "30"
    SLOW = "9"


def simulate_a65(
    address: Address = "127.0.0.1",
    serial: Serial = "65000001",
    fps: Annotated[Fps, typer.Option(help="Frames per second.")] = Fps.FAST,
    seconds: Seconds = None,
    end_with_input: EndWithInput = False,
    nuc_every: NucEvery = 240.0,
    nuc_length: NucLength = 0.5,
    packed: Packed = False,
    subject: Subject = "S01",
    target: Target = "face",
    board: Board = "9x6x25mm",
    hold: Hold = 0.45,
    seed: Seed = 0,
    light: Light = 1.0,
    scene_seconds: SceneSeconds = 60.0,
    scene_start: SceneStart = None,
    drop: Drop = 0.0,
    resend: Resend = True,
    drift_ppm: DriftPpm = 0.0,
    swap_bytes: SwapBytes = False,
    first_block: FirstBlock = 1,
) -> None:
    """Put a simulated FLIR A65 on the wire: GigE Vision over UDP, for GenICam programs on this machine.

    Says `ready ADDRESS SERIAL ...` on stdout when it answers, and at its end (Ctrl-C, SIGTERM) a line of JSON
    that counts what it did. It obeys lines on stdin: nuc, vanish, return, scene NS, drop P, counters.

    Example: mavfer simulate-a65 --address 127.0.0.1 --seconds 60
    """
    import signal

    from ...config import COMMAND_LINE, parse
    from ...errors import UsageError
    from ..interrupts import ENDING
    from ..session import require_pseudonym
    from ..simulated.gige import SimulatedA65Device
    from ..simulated.gige_console import Console, ready_line
    from ..simulated.scene import SceneSettings
    from ..simulated.thermal_scene import ThermalScene

    if not (0 < len(serial) < 16 and serial.isascii() and serial.isalnum()):
        raise UsageError(f"--serial wants 1 to 15 letters and digits, found {serial!r}")
    require_pseudonym(subject)
    settings = {"target": target, "board": board, "hold_s": hold, "seed": seed, "light": light}
    scene = ThermalScene(
        parse(settings, SceneSettings, where=COMMAND_LINE), subject=subject, seconds=scene_seconds
    )
    over = threading.Event()
    for number in ENDING:
        signal.signal(number, lambda *_: over.set())
    device = SimulatedA65Device(
        scene,
        address=address,
        serial=serial,
        fps=int(fps.value),
        drop=drop,
        seed=seed,
        resend=resend,
        nuc_every_s=nuc_every,
        nuc_length_s=nuc_length,
        scene_start_ns=scene_start,
        drift_ppm=drift_ppm,
        packed=packed,
        swapped=swap_bytes,
        first_block=first_block,
    )
    console = Console(device)
    try:
        scene.build()
        device.start()
        typer.echo(ready_line(device))
        console.start()
        end_s = None if seconds is None else monotonic() + seconds
        while not over.wait(LOOK_AGAIN_S):  # in pieces: on Windows, no signal ends a wait
            if (end_s is not None and monotonic() > end_s) or (end_with_input and console.ended.is_set()):
                break
    finally:
        device.close()
    with suppress(BrokenPipeError):  # whoever started it is gone
        typer.echo(json.dumps(device.counters()))
