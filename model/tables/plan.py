"""Which networks make which table, what the paper printed there, and which orders it claims.

Nothing is trained or read here, and torch is not imported. A network of the same streams and length in two
tables is one `System`, and is trained once.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ...errors import UsageError
from ..families import LISTED
from . import printed
from .printed import Printed

COLOR = ("color",)
ALL = ("color", "depth", "thermal")
N_FRAMES = 16
"""What every network here has where `System.n_frames` is None."""


@dataclass(frozen=True, slots=True, order=True)
class System:
    """A network as it is trained: its name, its streams, and its frames per clip, None for the preset's."""

    model: str
    modalities: tuple[str, ...] = COLOR
    n_frames: int | None = None

    @property
    def key(self) -> str:
        """A short name for files, such as "mran-color-depth" or "mran-color-depth-thermal-t8"."""
        length = "" if self.n_frames is None else f"-t{self.n_frames}"
        return f"{self.model}-{'-'.join(self.modalities)}{length}"

    @property
    def label(self) -> str:
        """How a person reads it."""
        length = "" if self.n_frames is None else f", {self.n_frames} frames"
        return f"{LISTED[self.model].label} ({' + '.join(self.modalities)}{length})"


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes
    ----------
    system : what is trained for it; None for a method that is printed only
    printed : what the paper has there; several where it is unknown which of them, none where it has nothing
    constant : whether the row is the constant prediction
    """

    label: str
    system: System | None = None
    printed: tuple[Printed, ...] = ()
    constant: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """The claim that one row of a table has a higher CCC than another."""

    better: str
    worse: str


@dataclass(frozen=True, slots=True)
class Table:
    """A table, or a figure's numbers.

    Attributes
    ----------
    name : as `--tables` calls it
    title : its heading;  source : where the printed numbers stand, and the data they come from
    orders : claims of the paper, by the rows' labels; in Tables without printed numbers our own questions
    note : readings taken
    """

    name: str
    title: str
    rows: tuple[Row, ...]
    orders: tuple[Order, ...] = ()
    source: str = ""
    note: str = ""

    def row(self, label: str) -> Row:
        """Return the row of that label."""
        return next(row for row in self.rows if row.label == label)

    @property
    def systems(self) -> tuple[System, ...]:
        """What is trained for it, each once."""
        return tuple(dict.fromkeys(row.system for row in self.rows if row.system is not None))


MRAN, URAN, CNN = System("mran", ALL), System("uran"), System("cnn")
CORE = ("systems", "IV", "VI")
"""The tables whose orders are the paper's main claims: their runs come first, and their further seeds."""
NAMES = ("systems", "IV", "VI", "V", "VII", "VIII", "IX", "fig10", "fig11", "fig12", "peers")


def planned(names: Sequence[str], *, fps: float) -> tuple[Table, ...]:
    """Return the tables called `names`, in the order of `NAMES`, which is the order of work.

    Parameters
    ----------
    fps : of the dataset: what "1 s" is in frames

    Raises
    ------
    UsageError
        There is no table of that name.
    """
    for name in names:
        if name not in NAMES:
            raise UsageError(f"wanted --tables of {', '.join(NAMES)}, found {name!r}: the command line")
    found = {table.name: table for table in (*_modalities_and_ablations(), *_methods(fps), *_figures())}
    return tuple(found[name] for name in NAMES if name in names)


def _modalities_and_ablations() -> tuple[Table, ...]:
    systems = (
        Row("constant", constant=True),
        Row("CNN", CNN, (printed.TABLE_VII["CNN"],)),
        Row("URAN", URAN, (printed.COLOR,)),
        Row("early fusion", System("early-fusion", ALL)),
        Row("transformer", System("transformer", ALL)),
        Row("MRAN", MRAN, (printed.ALL_STREAMS,)),
    )
    streams = (
        Row("color", URAN, (printed.COLOR,)),
        Row("depth", System("mran", ("depth",)), printed.ONE_OR_OTHER),
        Row("thermal", System("mran", ("thermal",)), printed.ONE_OR_OTHER),
        Row("color + depth", System("mran", ("color", "depth")), (printed.COLOR_DEPTH,)),
        Row("color + thermal", System("mran", ("color", "thermal")), (printed.COLOR_THERMAL,)),
        Row("color + depth + thermal", MRAN, (printed.ALL_STREAMS,)),
    )
    return (
        Table(
            "systems",
            "Systems",
            systems,
            orders=(
                Order("MRAN", "URAN"),
                Order("URAN", "CNN"),
                Order("MRAN", "CNN"),
                Order("MRAN", "early fusion"),
                Order("MRAN", "transformer"),
            ),
            source="Tables IV and VII, the authors' own recordings",
            note="The paper claims MRAN over URAN over CNN. Early fusion and the transformer see all streams "
            "too; whether MRAN is above them is our own question.",
        ),
        Table(
            "IV",
            "Table IV: modalities",
            streams,
            orders=(
                Order("color + depth", "color"),
                Order("color + thermal", "color"),
                Order("color + thermal", "color + depth"),
                Order("color + depth + thermal", "color + depth"),
                Order("color + depth + thermal", "color + thermal"),
                Order("color", "depth"),
                Order("color", "thermal"),
            ),
            source="Table IV, the authors' own recordings",
            note="One stream alone goes through the A-LSTM. Which printed row is depth alone and which is "
            "thermal alone is not known from the copy of the paper at hand: both stand beside either.",
        ),
        _ablation("VI", "Table VI: ablation of MRAN", ALL, printed.TABLE_VI, "the authors' own recordings"),
        _ablation("V", "Table V: ablation of URAN", COLOR, printed.TABLE_V, "RECOLA"),
    )


def _ablation(
    name: str, title: str, modalities: tuple[str, ...], numbers: dict[str, Printed], data: str
) -> Table:
    whole = MRAN if modalities == ALL else URAN
    systems = (System("mran-2d"), System("mran-3d"), System("mran-se", modalities), whole)
    rows = tuple(
        Row(label, system, (numbers[label],)) for label, system in zip(numbers, systems, strict=True)
    )
    return Table(
        name,
        title,
        rows,
        orders=(
            Order("+ 3D-CNN", "2D-CNN"),
            Order("+ S.E.", "+ 3D-CNN"),
            Order("+ T.D.", "+ S.E."),
        ),
        source=f"Table {name}, {data}",
        note="Rows add up; the last one is the whole network. The first two have no attention, and see "
        "color.",
    )


def _methods(fps: float) -> tuple[Table, ...]:
    second = max(4, round(fps)) if fps > 0 else 4
    short = System("cnn-rnn", n_frames=None if second == N_FRAMES else second)
    clips = f"Clips of {N_FRAMES} frames are {N_FRAMES / fps:.1f} s here" if fps > 0 else ""
    vii = {
        "CNN": CNN,
        "VGG-16": System("vgg-16"),
        "ResNet-50": System("resnet-50"),
        "VGG-Face": System("vgg-face"),
        "CNN + RNN": System("cnn-rnn"),
        "VGG-Face-LSTM": System("vgg-face-lstm"),
        "AffWildNet": System("affwildnet"),
        "URAN": URAN,
    }
    viii = {"CNN": CNN, "CNN + RNN, 1 s": short, "CNN + RNN, 4 s": System("cnn-rnn"), "URAN": URAN}
    ix = {"CNN": CNN, "CNN + RNN, 4 s": System("cnn-rnn"), "URAN": URAN}
    return (
        Table(
            "VII",
            "Table VII: methods on color",
            _rows(printed.TABLE_VII, vii),
            orders=tuple(Order("URAN", label) for label in vii if label != "URAN"),
            source="Table VII, the authors' own recordings",
            note="The paper's VGG-16 and ResNet-50 start from ImageNet, its VGG-Face from VGG-Face; here "
            "they start from chance unless --weights names a file.",
        ),
        Table(
            "VIII",
            "Table VIII: methods on RECOLA",
            _rows(printed.TABLE_VIII, viii),
            orders=(Order("URAN", "CNN + RNN, 4 s"), Order("CNN + RNN, 4 s", "CNN")),
            source="Table VIII, RECOLA's development set",
            note=f"{clips}; one second is {second} frames. Rows without our numbers were not reimplemented.",
        ),
        Table(
            "IX",
            "Table IX: methods on SEWA",
            _rows(printed.TABLE_IX, ix),
            orders=(Order("URAN", "CNN + RNN, 4 s"), Order("CNN + RNN, 4 s", "CNN")),
            source="Table IX, SEWA's development set",
            note=clips,
        ),
        Table(
            "peers",
            "Peers of other papers",
            (
                Row("RAN", System("ran")),
                Row("DSAN", System("dsan")),
                Row("transformer, color", System("transformer")),
                Row("URAN", URAN),
                Row("MRAN", MRAN),
            ),
            orders=(Order("URAN", "RAN"), Order("URAN", "DSAN"), Order("URAN", "transformer, color")),
            note="RAN and DSAN were published with classes of emotion; here they predict dimensions. LSTM + "
            "self-attention sees feature sets, which `mavfer features` makes, and has no row.",
        ),
    )


def _figures() -> tuple[Table, ...]:
    lengths = tuple(
        Row(f"{n} frames", System("mran", ALL, None if n == N_FRAMES else n)) for n in (4, 8, 16, 32)
    )
    return (
        Table(
            "fig10",
            "Figure 10: attention over faces",
            (Row("MRAN", MRAN), Row("URAN", URAN)),
            note="Of each of two subjects, the first by name under test, the clip over which valence changes "
            "most.",
        ),
        Table(
            "fig11",
            "Figure 11: length of clips",
            lengths,
            orders=tuple(Order("16 frames", f"{n} frames") for n in (4, 8, 32)),
            note="The paper draws this figure without numbers: CCC rises up to 16 frames and falls after.",
        ),
        Table(
            "fig12",
            "Figure 12: valence over time",
            (Row("CNN + RNN", System("cnn-rnn")), Row("URAN", URAN), Row("MRAN", MRAN)),
            note="The first two subjects by name; the paper shows CNN + RNN and URAN.",
        ),
    )


def _rows(numbers: dict[str, Printed], systems: dict[str, System]) -> tuple[Row, ...]:
    return tuple(Row(label, systems.get(label), (one,)) for label, one in numbers.items())
