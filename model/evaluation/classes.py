"""How well classes are told: accuracy, macro F1 and the confusion matrix, by clip and by session."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BY_CLIP = "class"
BY_SESSION = "class of session"
CLASS_MEASURES = ("accuracy", "macro_f1")


@dataclass(frozen=True, slots=True)
class ClipClasses:
    """What was true of a session's clips and what a network said.

    Attributes
    ----------
    start : (n,) int64, the first frame of each clip
    truth : (n,) int64, the number of the class, -1 where unknown
    probabilities : (n, n_classes) float64; each row sums to 1
    """

    start: NDArray[np.int64]
    truth: NDArray[np.int64]
    probabilities: NDArray[np.float64]

    @property
    def predicted(self) -> NDArray[np.int64]:
        """The likeliest class of each clip, (n,)."""
        return self.probabilities.argmax(1) if len(self.probabilities) else np.zeros(0, np.int64)

    @property
    def session_predicted(self) -> int:
        """The class with the highest mean probability over the clips, -1 without clips."""
        return int(self.probabilities.mean(0).argmax()) if len(self.probabilities) else -1

    @property
    def session_truth(self) -> int:
        """The class that all clips share whose class is known; -1 where they differ or none is known."""
        known = np.unique(self.truth[self.truth >= 0])
        return int(known[0]) if len(known) == 1 else -1


def confusion(predicted: NDArray[np.int64], truth: NDArray[np.int64], n_classes: int) -> NDArray[np.float64]:
    """Return (n_classes, n_classes) float64 counts, row the truth, column the prediction; -1 is left out."""
    known = (truth >= 0) & (predicted >= 0)
    counts = np.zeros((n_classes, n_classes))
    np.add.at(counts, (truth[known], predicted[known]), 1)
    return counts


def session_confusion(clips: ClipClasses) -> NDArray[np.float64]:
    """Return the counts of one session as a whole: a single 1, or zeros where its class is not one."""
    return confusion(
        np.array([clips.session_predicted]), np.array([clips.session_truth]), clips.probabilities.shape[-1]
    )


def measures_of_confusion(counts: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Return accuracy and macro F1 of confusion matrices (..., C, C), each (...), NaN of an empty one.

    Macro F1 is the mean of F1 over classes that are true or predicted at least once (as scikit-learn counts).
    """
    right = np.diagonal(counts, axis1=-2, axis2=-1)
    named = counts.sum(-1) + counts.sum(-2)
    with np.errstate(divide="ignore", invalid="ignore"):
        f1 = np.where(named > 0, 2 * right / named, 0.0)
        accuracy = right.sum(-1) / counts.sum((-1, -2))
        macro = f1.sum(-1) / (named > 0).sum(-1)
    return {"accuracy": accuracy, "macro_f1": macro}


def confusion_scores(counts: NDArray[np.float64]) -> dict[str, float]:
    """Return {"accuracy", "macro_f1"} of one confusion matrix."""
    return {name: float(value) for name, value in measures_of_confusion(counts).items()}
