"""The commands that speak to a running take: mark, next-step, stop; and the one that makes a protocol."""

from pathlib import Path
from typing import Annotated

import typer

from ...facts import AsJson, print_json
from ..now import monotonic_ns

RunningTake = Annotated[
    Path | None, typer.Option("--session", metavar="SESSION", help="Which take, where several run.")
]


def mark(
    label: Annotated[str, typer.Argument(metavar="LABEL", help='What happens now, like "video 3 starts".')],
    session: RunningTake = None,
    source: Annotated[str, typer.Option(help="Who says so.")] = "command",
    as_json: AsJson = False,
) -> None:
    """Name this moment in the take that runs on this machine; exit 0 means that it is recorded.

    No program knows a name when it reads one: put nobody's into the label.

    Example: mavfer mark "video 3 starts"
    """
    t_ns = monotonic_ns()  # before anything slow is imported
    from ..calls import call_master, find_master

    answer = call_master(find_master(session), "mark", label=label, t_ns=t_ns, source=source)
    if not answer.done:
        _refuse(answer.text)
    if as_json:
        print_json(
            {"session": answer.session, "time_s": answer.t_s, "label": label.strip(), "source": source}
        )
        return
    typer.echo(f"{answer.t_s:.3f} s: {label.strip()}: {answer.session}")


def next_step(session: RunningTake = None) -> None:
    """Go on to the protocol's next step in the take that runs on this machine.

    Example: mavfer next-step
    """
    from ..calls import call_master, find_master

    answer = call_master(find_master(session), "next")
    if not answer.done:
        _refuse(answer.text)
    typer.echo(answer.text)


def stop(session: RunningTake = None) -> None:
    """End the take that runs on this machine in order, and wait until its files are closed.

    Example: mavfer stop
    """
    from ..calls import call_master, find_master
    from ..control import STOP_WITHIN_S

    answer = call_master(find_master(session), "stop", timeout_s=STOP_WITHIN_S + 5)
    if not answer.done:
        _refuse(answer.text)
    typer.echo(f"{answer.text}: {answer.session}")


def protocol_new(
    out: Annotated[Path, typer.Option(help="The protocol file to write.")],
    name: Annotated[str, typer.Option(help="Stands in every session.")] = "relaxation and interview",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands there.")] = False,
) -> None:
    """Write a commented protocol file: ten minutes of relaxing video, five minutes of interview.

    Example: mavfer protocol new --out protocol.toml
    """
    from ...output import new_file
    from ..protocol_file import example_protocol_file

    text = example_protocol_file(name=name)
    with new_file(out, overwrite=overwrite) as temporary:
        temporary.write_text(text, encoding="utf-8")
    typer.echo(
        f"wrote {out}; record with: mavfer record SESSION --rig rig.toml --subject S01 --protocol {out}"
    )


def _refuse(why: str) -> None:
    from ...errors import RecordError

    raise RecordError(why)
