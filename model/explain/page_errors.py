"""The half of an explanation's page that is about errors: calibration, subjects, groups."""

from ...report import Cell, Page, Prose
from ..data.attributes import TABLE_NAME
from ..evaluation.series import pooled_series
from ..evaluation.sums import measures_of_moments, moments
from .drawing import draw_reliability, draw_subjects
from .errors import UNKNOWN, Errors
from .explain import CLASSES, SUBJECT, Explained
from .intervals import MIN_SUBJECTS

MOST_SUBJECTS = 40
"""Shown by name; of more, those with the largest errors."""


def headline(found: Explained) -> dict[str, str]:
    """Return the key figures of the page."""
    figures = {
        "subjects": str(len({one.subject for one in found.sessions})),
        "frames": f"{sum(len(one.time_s) for one in found.sessions):,}".replace(",", " "),
    }
    if found.source.classes is not None:
        right = [
            (one.clips.predicted == one.clips.truth)[one.clips.truth >= 0]
            for one in found.sessions
            if one.clips is not None
        ]
        n_clips = sum(len(one) for one in right)
        figures["clips told right"] = f"{100 * sum(int(one.sum()) for one in right) / n_clips:.0f} %"
        return figures
    for name in found.source.dimensions:
        ccc = float(measures_of_moments(moments(*pooled_series(found.sessions, name)))["ccc"])
        figures[f"{name} CCC"] = f"{ccc:.3f}"
    return figures


def add_reliability(page: Page, found: Explained) -> None:
    """Compare what was said with what was found."""
    classes = CLASSES in found.reliability
    n_subjects = len({session.subject for session in found.sessions})
    page.section(
        "Can it be taken at its word?",
        "Clips in bins of the probability of the class told, and the share of them told right."
        if classes
        else "Frames in ten bins of the prediction, and the mean truth found in each. A slope below 1 says "
        "that the network exaggerates, above 1 that it plays down.",
    )
    page.plot(
        lambda figure: draw_reliability(figure, found.reliability),
        alt="The truth that was found over the prediction, in bins",
        size_in=(5.2 * len(found.reliability), 3.6),
        caption=("" if n_subjects < MIN_SUBJECTS else "Upright lines: 95 % over subjects. ")
        + "Dashed: found as said.",
    )
    rows: list[list[Cell]] = [
        [name, str(one.slope), str(one.intercept), f"{one.error:.3f}", str(int(one.count.sum()))]
        for name, one in found.reliability.items()
    ]
    page.table(
        ["", "slope", "intercept", "mean error of calibration", "clips" if classes else "frames"],
        rows,
        caption="The line through the truth over the prediction" + _about_intervals(n_subjects),
    )


def add_subjects(page: Page, found: Explained) -> None:
    """Tabulate the errors of each subject."""
    if not found.subjects:
        return
    page.section("Subjects", "Each by itself, nothing averaged over subjects.")
    n_subjects = max(len(one) for one in found.subjects.values())
    if n_subjects <= MOST_SUBJECTS:
        page.plot(
            lambda figure: draw_subjects(figure, found.subjects),
            alt="RMSE and CCC of every subject",
            size_in=(10.5, 2.7 * len(found.subjects)),
            caption="Error and concordance of every subject",
        )
    for dimension, errors in found.subjects.items():
        rows = [
            [
                one.name,
                str(one.n_frames),
                f"{one.rmse.value:.3f}",
                f"{one.ccc.value:.3f}",
                f"{one.bias.value:+.3f}",
            ]
            for one in errors[:MOST_SUBJECTS]
        ]
        with page.folded(f"{dimension}, by subject"):
            page.table(
                ["subject", "frames", "RMSE", "CCC", "bias"],
                rows,
                caption=f"{dimension}, the largest error first",
            )


def add_told_right(page: Page, found: Explained) -> None:
    """Tabulate, of classes, the share of clips told right by subject and by group."""
    if not found.told_right:
        return
    page.section("Subjects and groups", "The share of clips told right, all clips of a group together.")
    for by, errors in found.told_right.items():
        rows: list[list[Cell]] = [
            [
                Prose(one.name, "few subjects" if by != SUBJECT and one.n_subjects < MIN_SUBJECTS else ""),
                str(one.n_subjects),
                str(one.n_clips),
                str(one.accuracy),
            ]
            for one in errors
        ]
        page.table([by, "subjects", "clips", "told right"], rows, caption=f"Clips told right, by {by}")
    if len(found.told_right) == 1:
        _note_unknown_groups(page)


def add_groups(page: Page, found: Explained) -> None:
    """Tabulate the errors of each group of subjects, for every attribute that is known."""
    if not found.subjects:
        return
    page.section("Groups", "All frames of a group's subjects together.")
    if not found.groups:
        _note_unknown_groups(page)
        return
    small = []
    for attribute, by_dimension in found.groups.items():
        for dimension, errors in by_dimension.items():
            page.table(
                ["group", "subjects", "frames", "RMSE", "CCC", "bias"],
                [_group_cells(one) for one in errors],
                caption=f"{dimension} by {attribute}"
                + _about_intervals(max(one.n_subjects for one in errors)),
            )
            small += [f"{attribute} {one.name}" for one in errors if one.n_subjects < MIN_SUBJECTS]
    if small:
        page.note(
            "Small groups",
            f"Fewer than {MIN_SUBJECTS} subjects, so that no interval is given and differences may be those "
            f"of single people: {', '.join(dict.fromkeys(small))}.",
        )


def _about_intervals(n_subjects: int) -> str:
    """Return what a caption says of intervals: nothing where subjects are too few for any."""
    return "; intervals of 95 % over subjects" if n_subjects >= MIN_SUBJECTS else ""


def _note_unknown_groups(page: Page) -> None:
    page.note(
        "Groups are not known",
        f"Write {TABLE_NAME} beside the dataset's dataset.toml, with a column subject and one per "
        "attribute (sex, age, skin tone), to see errors by group.",
    )


def _group_cells(one: Errors) -> list[Cell]:
    few = one.n_subjects < MIN_SUBJECTS
    name = "not known" if one.name == UNKNOWN else one.name
    return [
        Prose(name, "few subjects" if few else ""),
        str(one.n_subjects),
        str(one.n_frames),
        str(one.rmse),
        str(one.ccc),
        str(one.bias),
    ]
