"""A run's model card (Mitchell 2019): what it is, whom it learned from, how good it is, its limits.

Written beside the weights as model-card.md, for people and repositories, and as model-card.html.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..output import new_file
from ..report import Page, Prose
from .checkpoint import PRETRAINED, RunRecord, read_run_record
from .evaluation.bootstrap import ABOUT_LIMITS
from .evaluation.evaluation_file import EVALUATION_NAME, Evaluation, read_evaluation
from .families import LISTED

CARD_NAME = "model-card.md"
PAGE_NAME = "model-card.html"
FEW_SUBJECTS = 20
"""To learn from; with fewer, a network has seen too few faces to be trusted with others."""


@dataclass(frozen=True, slots=True)
class Section:
    """One section of a card: sentences, then facts by name, then a table with its header first."""

    title: str
    sentences: tuple[str, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    table: tuple[tuple[str, ...], ...] = ()


def write_card(run: Path) -> Path:
    """Write model-card.md and model-card.html into a run's folder, in place of earlier ones.

    Scores are in them where the run has an evaluation.json.

    Returns
    -------
    The path of model-card.md.

    Raises
    ------
    ModelError
        There is no run, or its record or evaluation is damaged.
    """
    record = read_run_record(run)
    evaluation = read_evaluation(run) if (run / EVALUATION_NAME).is_file() else None
    title, sections = f"Model card: {LISTED[record.model].label}", card_sections(record, evaluation)
    with new_file(run / CARD_NAME, overwrite=True) as temporary:
        temporary.write_text(as_markdown(title, sections), encoding="utf-8")
    as_page(title, sections, simulated=record.simulated).write(run / PAGE_NAME, overwrite=True)
    return run / CARD_NAME


def card_sections(record: RunRecord, evaluation: Evaluation | None) -> list[Section]:
    """Return what a card says of a run; `evaluation` is None where it was not evaluated."""
    return [
        _what_it_is(record),
        _learned_from(record),
        _trained(record),
        _scores(record, evaluation),
        _limits(record, evaluation),
        _use(record),
    ]


def as_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the card as Markdown."""
    lines = [f"# {title}"]
    for section in sections:
        lines += ["", f"## {section.title}"]
        for sentence in section.sentences:
            lines += ["", sentence]
        if section.facts:
            lines += ["", *(f"- {name}: {value}" for name, value in section.facts)]
        if section.table:
            header, *rows = [[cell.replace("|", "\\|") for cell in row] for row in section.table]
            lines += ["", _row(header), _row(["---"] * len(header)), *(_row(row) for row in rows)]
    return "\n".join(lines) + "\n"


def as_page(title: str, sections: Sequence[Section], *, simulated: bool) -> Page:
    """Return the card as a page."""
    page = Page(title, mark="simulated" if simulated else "")
    for section in sections:
        page.section(section.title, " ".join(section.sentences).replace("`", ""))
        if section.facts:
            page.table(["", ""], [[name, Prose(value.replace("`", ""))] for name, value in section.facts])
        if section.table:
            header, *rows = section.table
            page.table(header, rows, caption=section.title)
    return page


def _what_it_is(record: RunRecord) -> Section:
    inputs = record.inputs
    sees = (
        f"{inputs.n_frames} frames of {inputs.size_px} x {inputs.size_px} px: {', '.join(inputs.modalities)}"
    )
    if inputs.features:
        sees = f"{inputs.n_frames} steps of the feature sets {', '.join(inputs.modalities)}"
    if inputs.landmarks:
        sees += ", and 68 landmarks"
    says = (
        f"a probability of each of {', '.join(record.classes)}"
        if record.classes
        else f"{' and '.join(record.dimensions)}, each in [-1, 1]"
    )
    if record.loss == PRETRAINED:
        says = "nothing yet: it is pre-trained without labels"
    facts = [
        ("network", f"{record.model}, {record.config.size} size, {record.n_parameters:,} parameters"),
        ("sees", sees),
        ("says", says),
    ]
    if not inputs.features:
        facts.append(("counts from", _references(record)))
    about = LISTED[record.model].about
    return Section("What it is", (f"{about[:1].upper()}{about[1:]}.",), tuple(facts))


def _references(record: RunRecord) -> str:
    inputs, found = record.inputs, []
    if "color" in inputs.modalities:
        found.append(
            "color from the session's mean face" if inputs.color_reference == "session" else "color from gray"
        )
    if "depth" in inputs.modalities:
        found.append(f"depth from the {inputs.depth_reference}'s median face depth")
    if "thermal" in inputs.modalities:
        session = inputs.thermal_reference == "session"
        found.append("thermal from " + ("the session's median face temperature" if session else "33 degC"))
    return "; ".join(found) or "the values as they are"


def _learned_from(record: RunRecord) -> Section:
    config = record.config
    facts = [
        ("dataset", f"{record.dataset} (schema {record.dataset_schema}, sha256 {_hash(record)})"),
        ("split", config.split + ("" if config.fold is None else f", fold {config.fold} held out")),
        ("trained on", _named(record.training_subjects)),
        ("epoch chosen by", _named(record.validation_subjects)),
        ("training clips", f"{record.n_clips}"),
    ]
    if record.training_means:
        means = ", ".join(f"{name} {mean:.3f}" for name, mean in record.training_means.items())
        facts.append(("training means", means))
    if record.pretrained_subjects:
        facts.append(("seen before, by its weights or features", _named(record.pretrained_subjects)))
    if record.started_from:
        facts.append(("started from", record.started_from))
    sentences = []
    if record.simulated:
        sentences.append("Some or all of the faces that it learned from are simulated.")
    if record.split_by == "time":
        sentences.append("Training and test frames show the same subjects at different times.")
    return Section("What it learned from", tuple(sentences), tuple(facts))


def _trained(record: RunRecord) -> Section:
    validated = "none" if record.validation_score is None else f"{record.validation_score:.3f}"
    measure = "accuracy" if record.classes else "mean CCC"
    software = ", ".join(f"{name} {version}" for name, version in record.software.items())
    processes = f", {record.n_processes} processes" if record.n_processes > 1 else ""
    blind, epochs = record.loss == PRETRAINED, _counted(record.n_epochs, "epoch")
    return Section(
        "How it was trained",
        facts=(
            ("minimised", "squared error of hidden places" if blind else record.loss),
            ("steps", f"{record.n_steps} in {epochs}; epoch {record.kept_epoch} kept"),
            *(() if blind else ((f"validation, {measure}", validated),)),
            ("seed", str(record.config.seed)),
            ("precision", record.precision),
            ("took", f"{record.seconds:.0f} s on {record.device}{processes}"),
            ("software", software),
            ("made", record.created_utc),
        ),
    )


def _scores(record: RunRecord, evaluation: Evaluation | None) -> Section:
    title = "How good it is"
    if record.loss == PRETRAINED:
        return Section(title, ("It has no scores before it is trained with labels.",))
    if evaluation is None:
        return Section(title, ("It was not evaluated; run `mavfer evaluate RUN`.",))
    subjects = {one.subject for one in evaluation.sessions}
    unseen = "whom it never saw" if evaluation.unseen_subjects else "whom it saw at other times"
    if {one.casefold() for one in subjects} & {one.casefold() for one in record.validation_subjects}:
        unseen = "by whom its epoch was chosen"
    simulated = "simulated " if evaluation.simulated else ""
    whose = _counted(len(subjects), f"{simulated}{evaluation.split} subject")
    words = f"{evaluation.n_frames} frames of {whose} {unseen}, pooled."
    if evaluation.intervals:
        words += f" In brackets: {ABOUT_LIMITS}."
    measures = list(dict.fromkeys(name for own in evaluation.scores.values() for name in own))
    rows: list[tuple[str, ...]] = [("", *(name.replace("_", " ") for name in measures))]
    for name, own in evaluation.scores.items():
        limits = evaluation.intervals.get(name, {})
        rows.append((name, *(_score(own, limits, measure) for measure in measures)))
        if name in evaluation.processed:
            own, limits = evaluation.processed[name], evaluation.processed_intervals.get(name, {})
            rows.append((f"{name}, post-processed", *(_score(own, limits, m) for m in measures)))
        if name in evaluation.constant:
            rows.append((f"{name}, constant", *(_score(evaluation.constant[name], {}, m) for m in measures)))
    return Section(title, (words,), table=tuple(rows))


def _limits(record: RunRecord, evaluation: Evaluation | None) -> Section:
    says = "It predicts what raters said of a face, not what a person feels."
    if record.loss == PRETRAINED:
        says = "It has seen no rating and predicts none."
    found = [
        f"{says} It is made for research with consent, not for decisions about anybody.",
        "It knows faces as this dataset shows them: same cameras, same crops, same light. Elsewhere it has "
        "to be evaluated first.",
    ]
    if not record.inputs.features and record.inputs.color_reference == "session":
        found.append(
            "It counts from what a whole session shows; the first moments of a live session lack that."
        )
    if record.simulated:
        found.append("Scores on simulated faces say nothing about people.")
    if len(record.training_subjects) < FEW_SUBJECTS:
        found.append(f"It learned from {_counted(len(record.training_subjects), 'subject')} only.")
    if evaluation is not None and not evaluation.intervals:
        found.append("Too few subjects were tested for an interval.")
    if record.loss != PRETRAINED:
        found.append("Errors by sex, age and skin tone: `mavfer explain RUN --out DIR`.")
    return Section("Limits", tuple(found))


def _use(record: RunRecord) -> Section:
    if record.loss == PRETRAINED:
        return Section("How to use it", facts=(("begin with it", "`mavfer train DATASET --weights RUN`"),))
    facts = [
        ("score it", "`mavfer evaluate RUN`"),
        ("predict", "`mavfer predict RUN SESSION --out DIR`"),
        ("look into it", "`mavfer explain RUN --out DIR`"),
        ("take it elsewhere", "`mavfer export-model RUN --format onnx --out FILE`"),
    ]
    if record.inputs.features:
        facts = [fact for fact in facts if fact[0] != "predict"]
    return Section("How to use it", facts=tuple(facts))


def _hash(record: RunRecord) -> str:
    return record.dataset_sha256 or record.dataset_toml_sha256 or "not known"


def _named(subjects: Sequence[str]) -> str:
    return f"{_counted(len(subjects), 'subject')} ({', '.join(subjects)})" if subjects else "nobody"


def _counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _score(own: dict[str, float], limits: dict[str, tuple[float, float]], measure: str) -> str:
    if measure not in own:
        return ""
    if measure not in limits:
        return f"{own[measure]:.3f}"
    low, high = limits[measure]
    return f"{own[measure]:.3f} [{low:.3f}, {high:.3f}]"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
