"""The `mavfer` command: one line per subcommand, each imported when it is used."""

import sys
from importlib import import_module
from typing import Annotated

import typer

from . import __version__
from .errors import MavferError, UsageError

# words of the command -> (module, function); the function's docstring is its help
COMMANDS = {
    "demo": ("demo.commands", "demo"),
    "rig new": ("capture.commands.rig", "rig_new"),
    "gentl build": ("capture.commands.gentl", "gentl_build"),
    "gentl list": ("capture.commands.gentl", "gentl_list"),
    "keys new": ("capture.commands.keys", "keys_new"),
    "rig check": ("capture.commands.rig", "rig_check"),
    "rig stop": ("capture.commands.rig", "rig_stop"),
    "record": ("capture.commands.operating", "record"),
    "operate": ("capture.commands.operating", "operate"),
    "recorder": ("capture.commands.operating", "recorder"),
    "simulate-a65": ("capture.commands.simulate", "simulate_a65"),
    "mark": ("capture.commands.marks", "mark"),
    "next-step": ("capture.commands.marks", "next_step"),
    "stop": ("capture.commands.marks", "stop"),
    "protocol new": ("capture.commands.marks", "protocol_new"),
    "check-session": ("capture.commands.sessions", "check_session"),
    "recover": ("capture.commands.sessions", "recover"),
    "collect": ("capture.commands.collect", "collect"),
    "export": ("capture.commands.export", "export"),
    "import-video": ("capture.commands.sessions", "import_video"),
    "board print": ("calibrate.commands.board", "board_print"),
    "calibrate solve": ("calibrate.commands.solve", "calibrate"),
    "calibrate verify": ("calibrate.commands.verify", "verify"),
    "calibrate live": ("calibrate.commands.live", "live"),
    "calibrate show": ("calibrate.commands.show", "show"),
    "calibrate import": ("calibrate.commands.exchange", "import_calibration"),
    "calibrate export": ("calibrate.commands.exchange", "export_calibration"),
    "annotate": ("annotate.commands.annotate", "annotate"),
    "simulate-raters": ("annotate.commands.simulate", "simulate_raters"),
    "labels fuse": ("annotate.commands.labels", "fuse"),
    "labels agree": ("annotate.commands.agree", "agree"),
    "study new": ("annotate.commands.study", "new"),
    "study add": ("annotate.commands.study", "add"),
    "study invite": ("annotate.commands.study_invite", "invite"),
    "study leave": ("annotate.commands.study", "leave"),
    "study again": ("annotate.commands.study", "again"),
    "study status": ("annotate.commands.study", "status"),
    "study key": ("annotate.commands.study", "key"),
    "traces export": ("annotate.commands.traces", "export"),
    "traces import": ("annotate.commands.traces", "bring_in"),
    "traces check": ("annotate.commands.traces", "check"),
    "import carma": ("annotate.commands.importers", "carma"),
    "import darma": ("annotate.commands.importers", "darma"),
    "import nova": ("annotate.commands.importers", "nova"),
    "build-dataset": ("preprocess.commands.build", "build_dataset"),
    "dataset split": ("preprocess.commands.split", "split"),
    "dataset view": ("preprocess.commands.view", "view"),
    "import recola": ("preprocess.commands.adapters", "recola"),
    "import sewa": ("preprocess.commands.adapters", "sewa"),
    "import afew-va": ("preprocess.commands.adapters", "afew_va"),
    "import video-csv": ("preprocess.commands.adapters", "video_csv"),
    "dataset report": ("preprocess.commands.report", "report"),
    "dataset check": ("preprocess.commands.dataset", "check"),
    "dataset info": ("preprocess.commands.dataset", "info"),
    "dataset merge": ("preprocess.commands.dataset", "merge"),
    "dataset export": ("preprocess.commands.dataset", "export"),
    "train": ("model.commands.train", "train"),
    "fine-tune": ("model.commands.fine_tune", "fine_tune"),
    "evaluate-groups": ("model.commands.evaluate_groups", "evaluate_groups"),
    "evaluate": ("model.commands.evaluate", "evaluate"),
    "compare": ("model.commands.compare", "compare"),
    "tables": ("model.commands.tables", "tables"),
    "explain": ("model.commands.explain", "explain"),
    "model-card": ("model.commands.model_card", "model_card"),
    "pretrain": ("model.commands.pretrain", "pretrain"),
    "features": ("model.commands.features", "features"),
    "fuse-runs": ("model.commands.fuse_runs", "fuse_runs"),
    "predict": ("model.commands.predict", "predict"),
    "export-model": ("model.commands.export", "export_model"),
}
GROUPS = {
    "study": "A rating study: its films, its raters, who rates what, how far everyone is.",
    "rig": "The rig file: which cameras stand where, and how they are recorded.",
    "gentl": "GenTL producers (.cti), through which GenICam cameras are reached.",
    "keys": "The lab's keys: who may take part in a take over the network.",
    "protocol": "The protocol file: what a lab says once for a study.",
    "board": "Calibration boards: printed true to scale.",
    "traces": "Raters' traces: out of a study, looked over, brought together.",
    "labels": "Raters' traces: how well they agree, and the gold standard made of them.",
    "dataset": "Datasets: checked, described, joined, split, exported, looked at.",
    "import": "Other people's recordings as sessions and traces.",
    "calibrate": "The rig's geometry: solved (`mavfer calibrate BOARD_SESSION`), shown, checked.",
}
DEFAULTS = {"calibrate": "solve"}
"""The command of a group that is meant where none is named: `mavfer calibrate SESSION` solves."""


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"mavfer {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Record a face in color, depth, infrared and thermal; learn valence and arousal from it."""


def command_line(first_word: str = "") -> typer.Typer:
    """Return the command line with the command that `first_word` names, or with all of them."""
    app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False)
    app.callback()(_root)
    groups: dict[str, typer.Typer] = {}
    wanted = [words for words in COMMANDS if words.split()[0] == first_word] or list(COMMANDS)
    for words in wanted:
        module, function = COMMANDS[words]
        *group, name = words.split()
        place = app
        if group:
            if group[0] not in groups:
                groups[group[0]] = typer.Typer(no_args_is_help=True, help=GROUPS[group[0]])
                groups[group[0]].callback()(lambda: None)
                app.add_typer(groups[group[0]], name=group[0])
            place = groups[group[0]]
        place.command(name)(getattr(import_module(f".{module}", __package__), function))
    return app


def spelled_out(words: list[str]) -> list[str]:
    """Return the command line with the command that is meant where a group is followed by none.

    `calibrate SESSION` is `calibrate solve SESSION`, and `calibrate --live` is `calibrate live`. A session's
    folder that is called like a command is `./show`; after `--`, nothing but folders follow.
    """
    group = words[0] if words else ""
    commands = [name.split()[1] for name in COMMANDS if name.startswith(f"{group} ")]
    if group not in DEFAULTS or len(words) == 1 or words[1] in (*commands, "--help"):
        return words
    options = words[1 : words.index("--")] if "--" in words else words[1:]
    named = next((word for word in options if word[:2] == "--" and word[2:] in commands), None)
    if named is None:
        return [group, DEFAULTS[group], *words[1:]]
    at = words.index(named)
    return [group, named[2:], *words[1:at], *words[at + 1 :]]


def main() -> None:
    """Run the command; a MavferError becomes one line on stderr and exit status 1, misuse 2."""
    try:
        words = spelled_out(sys.argv[1:])
        command_line(words[0] if words else "")(words, prog_name="mavfer")
    except MavferError as error:
        typer.echo(f"error: {error}", err=True)
        sys.exit(2 if isinstance(error, UsageError) else 1)
    except (KeyboardInterrupt, SystemExit) as stop:
        if isinstance(stop, KeyboardInterrupt) or stop.code == 130:
            typer.echo("interrupted", err=True)
            sys.exit(130)
        raise


def build_dataset() -> None:
    """Run `mavfer build-dataset`, as the command `build-dataset`."""
    sys.argv.insert(1, "build-dataset")
    main()


if __name__ == "__main__":
    main()
