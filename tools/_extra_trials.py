"""What shows that an extra is whole: commands that run in an environment of the wheel and that extra alone.

They run in the order of TRIALS in one folder; later ones take what earlier ones made. What an extra does not
bring, a command asks for in one line.
"""

from dataclasses import dataclass

NOT_FOR_USERS = ("test", "docs")
"""The extras that whoever works on mavfer itself installs; the tests and the documentation run with them."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A command, how it should end, and what it should say.

    Attributes
    ----------
    command : its first word is a command of the environment
    status : the exit status; None: 0 or 1, as the machine is
    says : words of its output
    serves : it serves a page until Ctrl-C; the link that it prints is opened
    """

    command: str
    status: int | None = 0
    says: str = ""
    serves: bool = False


def wants(extra: str, command: str) -> Trial:
    """Return the trial of a command that lacks an extra, and says so in one line."""
    return Trial(command, status=1, says=f"pip install 'mavfer[{extra}]'")


EVERY_HELP = """
import sys
from typer.main import get_command
from mavfer.command_line import command_line

def walk(command, above, name):
    context = command.make_context(name, [], parent=above, resilient_parsing=True)
    command.get_help(context)
    names = command.list_commands(context) if hasattr(command, "list_commands") else []
    return 1 + sum(walk(command.resolve_command(context, [one])[1], context, one) for one in names)

n_commands = walk(get_command(command_line()), None, "mavfer")
assert n_commands > 50, n_commands
"""

ON_A_CLUSTER = """
import subprocess, sys
from distributed import LocalCluster

if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        words = "build-dataset V01 --traces traces --fps 0 --out clustered --overwrite".split()
        sys.exit(subprocess.call([*words, "--scheduler", cluster.scheduler_address]))
"""

BUILD = "--traces traces --fps 0 --size 48 --test-subjects 1 --validation-subjects 0"

LSL_RIG = """
name = "simulated"
fps = 10
lsl = { publish = true }
recorders.kinect = { camera = "replay", replay = { session = "S01" } }
"""

TRAIN = "mavfer train dataset --model uran --size small --n-frames 8 --batch 2 --steps 2 --threads 2"

TRIALS = {
    "none": (
        Trial("mavfer --version", says="mavfer "),
        Trial("mavfer --help", says="build-dataset"),
        Trial("python every_help.py"),
        Trial("mavfer rig new --out rig.toml --overwrite"),
        Trial("mavfer protocol new --out protocol.toml --overwrite"),
        Trial("mavfer doctor --wait 1", status=None, says="Python"),
        wants("record", "mavfer record nowhere --rig rig.toml --subject S01 --seconds 1"),
        wants("record", "mavfer keys new keys --rig rig.toml"),
        wants("report", "mavfer board print 9x6x25mm --out nowhere.pdf"),
        wants("train", "mavfer train nowhere --out nowhere"),
        wants("all", "mavfer demo --quick --out nowhere"),
    ),
    "record": (
        Trial("mavfer record S01 --rig rig.toml --subject S01 --seconds 4 --virtual-clock --overwrite"),
        Trial("mavfer check-session S01"),
        Trial("mavfer simulate-raters S01 --out simulated --overwrite"),
        Trial("mavfer operate takes --rig rig.toml --seconds 1 --virtual-clock", serves=True),
        wants("lsl", "mavfer record nowhere --rig lsl.toml --subject S01 --seconds 1"),
    ),
    "lsl": (Trial("mavfer record L01 --rig lsl.toml --subject S01 --seconds 1 --overwrite"),),
    "report": (
        Trial("mavfer board print 9x6x25mm --out board.pdf --overwrite"),
        Trial("mavfer labels agree simulated --out agreement --overwrite"),
    ),
    "annotate": (
        Trial("mavfer study new study S01 --raters 2 --teams 1 --per-session 2 --max-width 320"),
        Trial("mavfer study status study"),
        Trial("mavfer annotate study --port 0 --no-browser", serves=True),
    ),
    "build": (
        Trial("mavfer export S01 --format mp4 --stream color --out films --overwrite"),
        Trial("mavfer import-video films/color.mp4 --out V01 --subject S01 --overwrite"),
        Trial("mavfer import-video films/color.mp4 --out V02 --subject S02 --overwrite"),
        Trial(f"build-dataset V01 V02 {BUILD} --out dataset --overwrite"),
        Trial("mavfer dataset check dataset"),
        wants("cluster", "build-dataset V01 --out nowhere --scheduler tcp://127.0.0.1:1"),
    ),
    "cluster": (Trial("python on_a_cluster.py"),),
    "view": (
        Trial("mavfer view S01 --no-browser", serves=True),
        Trial("mavfer sheet S01 --count 3 --out sheet.png --overwrite"),
        Trial("mavfer dataset view dataset --no-browser", serves=True),
        Trial("mavfer export S01 --format rrd --stream color --to 1 --out S01.rrd --overwrite"),
    ),
    "train": (
        Trial(f"{TRAIN} --out runs/uran --overwrite"),
        Trial("mavfer evaluate runs/uran"),
        wants("logs", f"{TRAIN} --out nowhere --log tensorboard"),
        wants("onnx", "mavfer export-model runs/uran --out nowhere.onnx"),
        wants("build", "mavfer predict runs/uran V01 --out nowhere"),
    ),
    "logs": (Trial(f"{TRAIN} --out runs/logged --log tensorboard --overwrite"),),
    "onnx": (Trial("mavfer export-model runs/uran --out uran.onnx --overwrite"),),
    "all": (
        Trial("mavfer predict runs/uran V01 --out seen --overwrite"),
        Trial("mavfer demo --help"),
    ),
}
"""Extra, or "none" for the wheel alone -> its trials."""


def _rating(up: float) -> str:
    """Return a rater's trace of 3.75 s that rises and falls, as CSV."""
    return "time_s,value\n" + "".join(f"{i / 4},{up * (i % 8) - 3}\n" for i in range(16))


PREPARED = {
    "every_help.py": EVERY_HELP,
    "on_a_cluster.py": ON_A_CLUSTER,
    "lsl.toml": LSL_RIG,
    **{f"traces/V0{i}.anna.valence.csv": _rating(1.0) for i in (1, 2)},
    **{f"traces/V0{i}.anna.arousal.csv": _rating(-0.5) for i in (1, 2)},
}
"""Files of the folder that the trials run in."""
