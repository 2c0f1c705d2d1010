"""The numbers that "Multi-modal Recurrent Attention Networks for Facial Expression Recognition" prints.

Lee, Kim, Kim and Sohn, IEEE TIP 2020, Tables IV to IX: valence, on the authors' own recordings, RECOLA and
SEWA. Figures 10 to 12 print no numbers.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Printed:
    """One printed row; None where the paper prints a dash."""

    rmse: float | None
    cc: float | None
    ccc: float | None


COLOR = Printed(0.120, 0.511, 0.486)
COLOR_DEPTH = Printed(0.117, 0.521, 0.489)
COLOR_THERMAL = Printed(0.114, 0.546, 0.503)
ALL_STREAMS = Printed(0.112, 0.563, 0.521)
ONE_OR_OTHER = (Printed(0.134, 0.379, 0.354), Printed(0.145, 0.368, 0.331))
"""Table IV's rows of depth alone and thermal alone. The copy of the paper at hand has lost which is which;
the other four rows are told apart by the differences that section V-C.1 states."""

TABLE_V = {
    "2D-CNN": Printed(0.113, 0.426, 0.326),
    "+ 3D-CNN": Printed(0.104, 0.510, 0.493),
    "+ S.E.": Printed(0.103, 0.531, 0.509),
    "+ T.D.": Printed(0.102, 0.572, 0.546),
}
TABLE_VI = {
    "2D-CNN": Printed(0.131, 0.385, 0.313),
    "+ 3D-CNN": Printed(0.125, 0.459, 0.427),
    "+ S.E.": Printed(0.119, 0.518, 0.480),
    "+ T.D.": ALL_STREAMS,
}
TABLE_VII = {
    "CNN": Printed(0.132, 0.421, 0.387),
    "VGG-16": Printed(0.131, 0.426, 0.395),
    "ResNet-50": Printed(0.128, 0.443, 0.409),
    "VGG-Face": Printed(0.125, 0.478, 0.451),
    "CNN + RNN": Printed(0.127, 0.458, 0.413),
    "VGG-Face-LSTM": Printed(0.124, 0.482, 0.457),
    "AffWildNet": Printed(0.123, 0.499, 0.468),
    "URAN": COLOR,
}
TABLE_VIII = {
    "Baseline (AVEC 2015)": Printed(0.117, 0.358, 0.273),
    "CNN": Printed(0.113, 0.426, 0.326),
    "CNN + RNN, 1 s": Printed(0.111, 0.501, 0.474),
    "CNN + RNN, 4 s": Printed(0.108, 0.544, 0.506),
    "LGBP-TOP + LSTM": Printed(0.114, 0.430, 0.354),
    "LGBP-TOP + Bi-Dir. LSTM": Printed(0.105, 0.501, 0.346),
    "LGBP-TOP + LSTM + ε-loss": Printed(0.121, 0.488, 0.463),
    "CNN + LSTM + ε-loss": Printed(0.116, 0.561, 0.538),
    "URAN": Printed(0.102, 0.572, 0.546),
}
TABLE_IX = {
    "Baseline (AVEC 2017)": Printed(None, None, 0.400),
    "CNN": Printed(0.114, 0.564, 0.528),
    "CNN + RNN, 4 s": Printed(0.104, 0.616, 0.588),
    "URAN": Printed(0.099, 0.638, 0.612),
}
