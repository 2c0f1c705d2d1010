import pytest

from mavfer.errors import ConfigError
from mavfer.view.kinds import FUSED_RECORD, RUN_RECORD, Kind, kind_of


def test_a_folder_is_what_its_record_says(lab):
    assert [kind_of(lab / name) for name in ("S01-a", "clips", "mran")] == [
        Kind.SESSION,
        Kind.DATASET,
        Kind.RUN,
    ]


def test_the_names_of_a_run_are_those_of_the_model():
    from mavfer.model import checkpoint

    assert (RUN_RECORD, FUSED_RECORD) == (checkpoint.RUN_NAME, checkpoint.FUSION_NAME)


def test_a_folder_of_such_folders_names_them(lab):
    with pytest.raises(ConfigError, match=r"holds S01-a, clips, mran; name one of them: "):
        kind_of(lab)


def test_what_is_none_of_the_three_is_said_in_one_line(tmp_path):
    with pytest.raises(ConfigError, match="none of these files"):
        kind_of(tmp_path)
    with pytest.raises(ConfigError, match="found nothing"):
        kind_of(tmp_path / "absent")
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="found a file"):
        kind_of(tmp_path / "file")
