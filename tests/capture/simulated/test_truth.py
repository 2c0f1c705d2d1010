import numpy as np
import pytest

from mavfer.capture.simulated.motion import Take
from mavfer.capture.simulated.rig import simulated_rig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.simulated.subjects import subject
from mavfer.capture.simulated.truth import read_truth, truth_path, write_truth
from mavfer.errors import ConfigError, OutputError, SessionError

TICKS_S = np.arange(30) / 10


def test_truth_reads_back_as_it_was_written(tmp_path):
    path = truth_path(tmp_path / "take")
    scene = SceneSettings(seed=4)
    write_truth(path, scene=scene, subject="S02", seconds=3.0, tick_s=TICKS_S)
    truth, take = read_truth(path), Take(scene, subject=subject("S02"), seconds=3.0)
    assert path.name == "take.truth.npz"
    assert truth.subject == "S02"
    np.testing.assert_array_equal(truth.tick_s, TICKS_S)
    np.testing.assert_array_equal(truth.valence, take.valence(TICKS_S))
    np.testing.assert_array_equal(truth.arousal, take.arousal(TICKS_S))
    assert truth.landmarks_xyz_color_mm.shape == (30, 68, 3)
    rig = simulated_rig()
    assert (truth.rig.color, truth.rig.depth, truth.rig.thermal) == (rig.color, rig.depth, rig.thermal)
    np.testing.assert_array_equal(
        truth.rig.color_from_depth.translation_mm, rig.color_from_depth.translation_mm
    )
    assert truth.rig.depth_shift_mm == rig.depth_shift_mm != 0


def test_a_boards_truth_has_no_landmarks(tmp_path):
    path = tmp_path / "board.truth.npz"
    write_truth(path, scene=SceneSettings(target="board"), subject="board", seconds=3.0, tick_s=TICKS_S)
    truth = read_truth(path)
    assert np.isnan(truth.landmarks_xyz_color_mm).all()
    assert np.isnan(truth.valence).all()


def test_truth_is_not_overwritten_unasked(tmp_path):
    path = tmp_path / "take.truth.npz"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="--overwrite"):
        write_truth(path, scene=SceneSettings(), subject="S01", seconds=3.0, tick_s=TICKS_S[:2])
    assert path.read_bytes() == b"mine"


def test_a_missing_or_foreign_truth_file_is_named(tmp_path):
    with pytest.raises(SessionError, match="found nothing"):
        read_truth(tmp_path / "none.truth.npz")
    (tmp_path / "odd.truth.npz").write_text("no archive")
    with pytest.raises(SessionError, match=r"wanted a truth file, found something else.*odd"):
        read_truth(tmp_path / "odd.truth.npz")


def test_a_scene_refuses_what_it_cannot_show(tmp_path):
    from mavfer.config import parse

    for table in ({"light": 0.0}, {"target": "cat"}, {"board": "9x6"}, {"fps": 0}, {"sead": 1}):
        with pytest.raises(ConfigError, match=next(iter(table))):
            parse(table, SceneSettings, where=str(tmp_path))
    assert SceneSettings(board="charuco-11x8x20mm").board == "charuco-11x8x20mm"
