import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from mavfer.annotate.trace import read_traces
from mavfer.capture.session import open_session
from mavfer.capture.streams import Stream
from mavfer.capture.synchronize import synchronize
from mavfer.errors import SessionError
from mavfer.preprocess.adapters.afew_va import find_afew_va
from mavfer.preprocess.adapters.bring_in import import_recordings


def test_a_clips_pictures_and_ratings_become_a_session_and_traces(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.afew_va(tmp_path / "afew", {"001": "Somebody"})
    (fate,) = import_recordings(find_afew_va(folder), sessions=tmp_path / "s", traces=tmp_path / "t")
    assert (fate.state, fate.n_pictures, fate.raters) == ("imported", 20, ("gold",))
    session = open_session(tmp_path / "s" / "afew-va-001")
    time_s = synchronize(session).time_s
    np.testing.assert_allclose(time_s, np.arange(20) / 25, atol=1e-9)
    for i in (0, 7, 19):
        assert abs(session.frame(Stream.COLOR, i).pixels.mean() - (20 + 10 * i)) < 2
    traces = {trace.dimension: trace for trace in read_traces(tmp_path / "t", "afew-va-001")}
    np.testing.assert_allclose(traces["valence"].time_s, time_s, atol=1e-9)
    np.testing.assert_array_equal(traces["valence"].value, [i % 11 - 5 for i in range(20)])
    np.testing.assert_array_equal(traces["arousal"].value, np.full(20, 3))


def test_clips_of_one_actor_are_of_one_subject_whose_name_is_nowhere(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    actors = {"001": "Jane Doe", "002": " jane  doe", "003": "John Roe", "004": None, "005": None}
    layout = find_afew_va(corpora.afew_va(tmp_path / "afew", actors))
    subjects = [one.subject for one in layout.recordings]
    assert subjects[0] == subjects[1]
    assert len(set(subjects)) == 4
    assert subjects[3:] == ["afew-va-004", "afew-va-005"]
    import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    written = (path.read_bytes() for path in [*tmp_path.glob("s/*/*"), *tmp_path.glob("t/*")])
    assert not any(b"jane" in content.lower() or b"doe" in content.lower() for content in written)


def test_colors_are_those_of_the_pictures(tmp_path: Path, corpora: SimpleNamespace) -> None:
    red = np.zeros((48, 64, 3), np.uint8)
    red[..., 0] = 200
    folder = corpora.afew_va(tmp_path / "afew", {"001": None}, [red, red])
    import_recordings(find_afew_va(folder), sessions=tmp_path / "s", traces=tmp_path / "t")
    pixels = open_session(tmp_path / "s" / "afew-va-001").frame(Stream.COLOR, 0).pixels
    np.testing.assert_allclose(pixels.mean((0, 1)), [200, 0, 0], atol=4)


def test_a_missing_picture_leaves_a_gap_in_time_and_shifts_no_rating(
    tmp_path: Path, corpora: SimpleNamespace
) -> None:
    folder = corpora.afew_va(tmp_path / "afew", {"001": None})
    for number in (0, 1, 7):
        (folder / "001" / f"{number:05d}.png").unlink()
    layout = find_afew_va(folder, fps=10)
    import_recordings(layout, sessions=tmp_path / "s", traces=tmp_path / "t")
    time_s = synchronize(open_session(tmp_path / "s" / "afew-va-001")).time_s
    np.testing.assert_allclose(time_s, [(i - 2) / 10 for i in range(2, 20) if i != 7], atol=1e-9)
    valence = layout.recordings[0].ratings()[0]
    at_s = (8 - 2) / 10  # of picture 8
    assert valence.value[np.argmin(np.abs(valence.time_s - at_s))] == 3


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda clip: (clip / "001.json").write_text("{", encoding="utf-8"), "could not read it"),
        (
            lambda clip: (clip / "001.json").write_text('{"frames": {}}', encoding="utf-8"),
            "found none of them",
        ),
        (lambda clip: (clip / "00003.png").write_bytes(b"no picture"), r"is none or is damaged.*00003\.png"),
        (lambda clip: (clip / "00000.png").write_bytes(b""), r"is none or is damaged.*00000\.png"),
        (lambda clip: (clip / "00003.png").rename(clip / "frame_3.png"), "wanted pictures named 00000.png"),
        (lambda clip: [path.unlink() for path in clip.glob("*.png")], "wanted pictures named.*found none"),
    ],
)
def test_what_is_wrong_with_one_clip_does_not_stop_the_others(
    tmp_path: Path, corpora: SimpleNamespace, spoil: object, said: str
) -> None:
    folder = corpora.afew_va(tmp_path / "afew", {"001": None, "002": None})
    assert callable(spoil)
    spoil(folder / "001")
    bad, good = import_recordings(find_afew_va(folder), sessions=tmp_path / "s", traces=tmp_path / "t")
    assert (bad.state, good.state) == ("failed", "imported")
    assert re.search(said, bad.problem)
    assert "\n" not in bad.problem
    assert [path.name for path in sorted((tmp_path / "s").iterdir())] == ["afew-va-002"]
    assert not list((tmp_path / "t").glob("afew-va-001*"))


@pytest.mark.parametrize("rating", ["high", 12, True, [1], float("inf")])
def test_a_rating_that_is_none_is_refused(tmp_path: Path, corpora: SimpleNamespace, rating: object) -> None:
    folder = corpora.afew_va(tmp_path / "afew", {"001": None})
    path = folder / "001" / "001.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["frames"]["00004"]["valence"] = rating
    path.write_text(json.dumps(content), encoding="utf-8")
    (fate,) = import_recordings(find_afew_va(folder), sessions=tmp_path / "s", traces=tmp_path / "t")
    assert fate.state == "failed"
    assert "wanted" in fate.problem
    assert str(path) in fate.problem


def test_what_is_no_afew_va_is_refused_in_one_line(tmp_path: Path, corpora: SimpleNamespace) -> None:
    folder = corpora.recola(tmp_path / "recola", ["P16"])
    with pytest.raises(
        SessionError, match=r"wanted folders like 001 with 001\.json and 00000\.png, found none"
    ):
        find_afew_va(folder)


@pytest.mark.parametrize(
    ("key", "rating", "said"),
    [("00000", "9" * 400, "wanted ratings in"), ("9" * 5000, "3", "wanted frames like")],
)
def test_numbers_that_no_rating_has_fail_alone(
    tmp_path: Path, corpora: SimpleNamespace, key: str, rating: str, said: str
) -> None:
    folder = corpora.afew_va(tmp_path / "afew", {"001": "A", "002": "B"})
    text = f'{{"frames": {{"{key}": {{"valence": {rating}, "arousal": 1}}}}}}'
    (folder / "001" / "001.json").write_text(text, encoding="utf-8")
    bad, good = import_recordings(find_afew_va(folder), sessions=tmp_path / "s", traces=tmp_path / "t")
    assert (bad.state, good.state) == ("failed", "imported")
    assert said in bad.problem
