"""The commands of the operator and of the sensor machines: record, operate, recorder."""

import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ...errors import UsageError
from ...facts import AsJson
from ..interrupts import ENDING
from ..rig import Rig, change_scene, parse_rig, read_rig
from .take_told import report_of, tell_report

if TYPE_CHECKING:
    from ..desk import Start
    from ..protocol_file import ProtocolFile, TakeMetadata

OPERATE = "The operator's view"
METADATA = "What the session says about itself"
SIMULATED = "Simulated rigs"

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")]
Subject = Annotated[str, typer.Option(help="A pseudonym for who is filmed, never a name.")]
RigFile = Annotated[Path, typer.Option(help="The rig file; `mavfer rig new` makes one.")]
Seconds = Annotated[
    float | None, typer.Option(help="Length of the take; the protocol's, if it says.", min=0.1)
]
Page = Annotated[
    bool | None,
    typer.Option(
        "--monitor/--no-monitor",
        help="Serve the operator's page; if neither is said, only where this is a terminal.",
        rich_help_panel=OPERATE,
    ),
]
PageHost = Annotated[
    str,
    typer.Option(
        "--host",
        help="Where the page is served. It shows a face, without TLS.",
        rich_help_panel=OPERATE,
    ),
]
PagePort = Annotated[
    int,
    typer.Option(
        "--port", help="Of the page; 0 takes a free one.", min=0, max=65535, rich_help_panel=OPERATE
    ),
]
ProtocolPath = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="The protocol file; `mavfer protocol new` makes one.", rich_help_panel=METADATA
    ),
]
ConsentReference = Annotated[
    str, typer.Option(help="Reference of the signed consent form.", rich_help_panel=METADATA)
]
ConsentScopes = Annotated[
    list[str] | None,
    typer.Option(
        help="What it allows: analysis, archive, share, publish_pictures. The protocol's, if not said.",
        rich_help_panel=METADATA,
    ),
]
OperatorName = Annotated[str, typer.Option(help="Your initials or pseudonym.", rich_help_panel=METADATA)]
Notes = Annotated[
    str, typer.Option(help="Free words; no program finds a name in them.", rich_help_panel=METADATA)
]
VirtualClock = Annotated[
    bool,
    typer.Option(
        "--virtual-clock", help="Film as fast as frames render, not in real time.", rich_help_panel=SIMULATED
    ),
]
Seed = Annotated[int | None, typer.Option(help="Another seed is another take.", rich_help_panel=SIMULATED)]
Light = Annotated[
    float | None, typer.Option(help="Share of full light, 0.05 to 1.", rich_help_panel=SIMULATED)
]


class Target(StrEnum):
    """What stands before the simulated rig."""

    FACE = "face"
    BOARD = "board"


Scene = Annotated[Target | None, typer.Option(help="What stands before the rig.", rich_help_panel=SIMULATED)]


def record(
    session: Annotated[
        Path | None, typer.Argument(metavar="SESSION", help="The session folder to make.")
    ] = None,
    rig: Annotated[Path | None, typer.Option(help="The rig file; `mavfer rig new` makes one.")] = None,
    subject: Subject = "",
    seconds: Seconds = None,
    overwrite: Overwrite = False,
    rejoin: Annotated[
        Path | None,
        typer.Option(metavar="SESSION", help="Take over a take whose master died, and end it in order."),
    ] = None,
    monitor: Page = None,
    monitor_host: PageHost = "127.0.0.1",
    monitor_port: PagePort = 0,
    protocol: ProtocolPath = None,
    consent: ConsentReference = "",
    consent_scope: ConsentScopes = None,
    operator: OperatorName = "",
    notes: Notes = "",
    virtual_clock: VirtualClock = False,
    scene: Scene = None,
    seed: Seed = None,
    light: Light = None,
    as_json: AsJson = False,
) -> None:
    """Record a session: find the rig's recorders, send them one plan, watch, and close the files.

    Example: mavfer record sessions/S01-001 --rig rig.toml --subject S01 --seconds 300
    Example: mavfer record --rejoin sessions/S01-001
    """
    from ..desk import Desk, Start
    from ..master import record as record_take
    from ..master import rejoin as rejoin_take
    from ..views import views

    desk = Desk()
    page = sys.stderr.isatty() if monitor is None else monitor
    if rejoin is not None:
        if session is not None:
            raise typer.BadParameter(f"wanted SESSION or --rejoin, found {session} and --rejoin {rejoin}")
        with terminate_like_ctrl_c(), views(desk, page=page, host=monitor_host, port=monitor_port):
            report = report_of(lambda: rejoin_take(rejoin, desk=desk), as_json=as_json)
    else:
        if session is None or rig is None or not subject:
            missing = "SESSION" if session is None else "--rig" if rig is None else "--subject"
            raise typer.BadParameter(f"Missing option {missing}.")
        file = _protocol_file(protocol)
        length_s = seconds or (file.seconds if file is not None else None)
        if length_s is None:
            raise typer.BadParameter("Missing option --seconds.")
        if file is not None and (unreached := file.protocol.unreached(length_s)):
            typer.echo(f"warning: {unreached}", err=True)
        said = _metadata(file, consent, consent_scope, operator, notes)(Start(subject=subject))
        settings = _with_scene(rig, virtual_clock, scene, seed, light)
        labels = _labels(file)
        with (
            terminate_like_ctrl_c(),
            views(
                desk,
                streams=settings.streams,
                page=page,
                host=monitor_host,
                port=monitor_port,
                labels=labels,
            ),
        ):
            report = report_of(
                lambda: record_take(
                    session,
                    rig=settings,
                    subject=subject,
                    seconds=length_s,
                    overwrite=overwrite,
                    desk=desk,
                    previews=page,
                    **said._asdict(),
                ),
                as_json=as_json,
            )
    tell_report(report, as_json=as_json)
    if report.state != "complete":
        raise typer.Exit(130)


def operate(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where the sessions are made.")],
    rig: RigFile,
    seconds: Seconds = None,
    monitor_host: PageHost = "127.0.0.1",
    monitor_port: PagePort = 0,
    protocol: ProtocolPath = None,
    consent_scope: ConsentScopes = None,
    operator: OperatorName = "",
    notes: Notes = "",
    virtual_clock: VirtualClock = False,
    scene: Scene = None,
    seed: Seed = None,
    light: Light = None,
) -> None:
    """Record take after take from the operator's page, into FOLDER/SUBJECT-001 and so on, until Ctrl-C.

    Example: mavfer operate sessions --rig rig.toml --protocol protocol.toml
    """
    from ..desk import Desk
    from ..operate import operate as operate_takes
    from ..views import views

    settings = _with_scene(rig, virtual_clock, scene, seed, light)
    file = _protocol_file(protocol)
    metadata = _metadata(file, "", consent_scope, operator, notes)
    desk = Desk()
    with (
        terminate_like_ctrl_c(),
        views(
            desk,
            streams=settings.streams,
            page=True,
            host=monitor_host,
            port=monitor_port,
            labels=_labels(file),
        ),
    ):
        reports = operate_takes(folder, rig=settings, desk=desk, metadata=metadata, seconds=seconds)
    for report in reports:
        tell_report(report)
    if any(report.state == "failed" for report in reports):
        raise typer.Exit(1)


def recorder(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Which of the rig's recorders to be.")],
    rig: Annotated[Path, typer.Option(help='The rig file; "-" reads it from standard input.')],
    master: Annotated[
        str | None, typer.Option(help="Where the master listens; else as the rig file says.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option(help="Where this machine keeps its sessions; else as the rig file says.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the master leaves.")] = False,
) -> None:
    """Be one recorder of a rig on a sensor machine: wait for masters and record their plans, until Ctrl-C.

    The recorders of its own machine `mavfer record` starts itself.

    Example: mavfer recorder thermal --rig rig.toml
    """
    from ..recorder import run_recorder

    settings = parse_rig(sys.stdin.read(), where="standard input") if str(rig) == "-" else read_rig(rig)
    if name not in settings.recorders:
        known = ", ".join(settings.recorders)
        raise UsageError(f"wanted one of the rig's recorders {known}, found {name!r}: {rig}")
    if master is None:
        if settings.master is None:
            raise UsageError(f"wanted a [master] table or --master that says where it listens: {rig}")
        master = f"tcp://{settings.master.host}:{settings.master.port}"
    place = folder if folder is not None else settings.recorders[name].folder
    run_recorder(name, rig=settings, master=master, stays=not once, folder=place)


def _with_scene(
    rig: Path, virtual_clock: bool, scene: Target | None, seed: int | None, light: float | None
) -> Rig:
    """Return the rig file with what the command line says of the simulated scene."""
    changes = {
        "clock": "virtual" if virtual_clock else None,
        "target": None if scene is None else scene.value,
        "seed": seed,
        "light": light,
    }
    said = {key: value for key, value in changes.items() if value is not None}
    return change_scene(read_rig(rig), said, where=rig)


def _protocol_file(path: Path | None) -> "ProtocolFile | None":
    from ..protocol_file import read_protocol

    return None if path is None else read_protocol(path)


def _labels(file: "ProtocolFile | None") -> tuple[str, ...]:
    """Return the labels of the page's keys 1 to 9, as far as the protocol names them."""
    if file is None or not file.keys:
        return ()
    labels = {str(key): label for key, label in file.keys.items()}
    return tuple(labels.get(key, f"mark {key}") for key in "123456789")


def _metadata(
    file: "ProtocolFile | None", consent: str, scope: list[str] | None, operator: str, notes: str
) -> "Callable[[Start], TakeMetadata]":
    """Return what makes a session's words of a request for a take."""
    from ..protocol_file import take_metadata

    def metadata(start: "Start") -> "TakeMetadata":
        return take_metadata(
            file,
            subject=start.subject,
            consent=start.consent or consent or None,
            scope=scope or None,
            operator=operator,
            notes="\n".join(words for words in (notes, start.notes) if words),
        )

    return metadata


@contextmanager
def terminate_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM, and the end of the terminal, end the take in order, too."""
    before = {number: signal.signal(number, signal.default_int_handler) for number in ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
