import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mavfer.errors import ModelError
from mavfer.model.evaluation.evaluate import summed_up
from mavfer.model.evaluation.evaluation_file import Evaluation, read_evaluation, write_evaluation
from mavfer.model.evaluation.pooling import pooled_runs
from mavfer.model.evaluation.series import SessionPrediction

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture
def written(
    draw_session: Callable[..., SessionPrediction], draw_evaluation: Callable[..., Evaluation], tmp_path: Path
) -> Evaluation:
    sessions = tuple(draw_session(f"S{k}", np.random.default_rng(k)) for k in range(6))
    sessions[0].truth["valence"][3] = np.nan
    sessions[1].covered[5:9] = False
    evaluation = summed_up(draw_evaluation(tmp_path, sessions))
    write_evaluation(evaluation, dataset="../dataset", dataset_sha256="0" * 64)
    return evaluation


def test_what_is_written_is_read_again(written: Evaluation) -> None:
    again = read_evaluation(written.run)
    for name in (
        "scores",
        "intervals",
        "constant",
        "processed",
        "processed_intervals",
        "chains",
        "fitted_on",
    ):
        assert getattr(again, name) == getattr(written, name), name
    assert np.isnan(again.sessions[0].truth["valence"][3])
    assert not again.sessions[1].covered[5:9].any()
    again_summed = summed_up(again)
    assert again_summed.scores["valence"] == pytest.approx(written.scores["valence"], abs=1e-5)


def test_the_same_evaluation_gives_the_same_bytes(written: Evaluation) -> None:
    path = written.run / "evaluation.json"
    before = path.read_bytes()
    write_evaluation(summed_up(written), dataset="../dataset", dataset_sha256="0" * 64)
    assert path.read_bytes() == before


@pytest.mark.parametrize("schema", [2, 3])
def test_files_of_every_schema_are_read_for_ever(schema: int) -> None:
    evaluation = read_evaluation(GOLDEN / f"evaluation-v{schema}")
    assert evaluation.model == "uran"
    assert evaluation.dimensions == ("valence", "arousal")
    assert evaluation.scores["valence"]["ccc"] == pytest.approx(0.5, abs=0.5)
    first = evaluation.sessions[0]
    assert (first.session, first.fps) == ("S04-a", pytest.approx(4))
    assert first.covered.shape == first.time_s.shape
    assert bool(evaluation.chains) == (schema == 3)
    result = pooled_runs([GOLDEN / f"evaluation-v{schema}"])
    for name in evaluation.dimensions:
        assert result.scores[name] == pytest.approx(evaluation.scores[name], abs=1e-5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda page: page.update(schema_version=9), "wanted schema 2 or 3 of evaluation.json, found 9"),
        (lambda page: page.pop("scores"), "damaged one"),
        (lambda page: page["sessions"][0]["predicted"]["valence"].pop(), "wanted 60 frames, found 59"),
        (lambda page: page["sessions"][0].update(truth=[]), "damaged one"),
        (lambda page: page["postprocessing"]["chains"]["valence"].update(scale="wide"), "damaged one"),
    ],
)
def test_a_damaged_file_is_one_line(written: Evaluation, change: Callable[[dict], None], said: str) -> None:
    path = written.run / "evaluation.json"
    page = json.loads(path.read_text())
    change(page)
    path.write_text(json.dumps(page))
    with pytest.raises(ModelError, match=said) as caught:
        read_evaluation(written.run)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith(str(path))


def test_no_file_and_no_json_are_one_line_each(written: Evaluation, tmp_path: Path) -> None:
    (written.run / "evaluation.json").write_text("[1, 2")
    with pytest.raises(ModelError, match=r"wanted a readable evaluation\.json"):
        read_evaluation(written.run)
    with pytest.raises(ModelError, match="run `mavfer evaluate`"):
        read_evaluation(tmp_path / "none")
