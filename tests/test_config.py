"""A configuration file is read whole or refused with one line that names file and key."""

import pytest
from pydantic import Field

from mavfer.config import StrictModel, read_toml
from mavfer.errors import ConfigError


class Plan(StrictModel):
    fps: float = Field(gt=0)
    name: str = "plan"


def test_a_good_file_becomes_a_frozen_model(tmp_path):
    path = tmp_path / "plan.toml"
    path.write_text("fps = 10\n")
    plan = read_toml(path, Plan)
    assert plan == Plan(fps=10)
    with pytest.raises(ValueError, match="frozen"):
        plan.fps = 5  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("fps = 0\n", r"fps: wanted more than 0, found 0: .*plan\.toml"),
        ("fps = 10\nfsp = 1\n", r"fsp: no such key; is 'fps' meant\?: "),
        ("name = 'x'\n", "fps is missing: "),
        ("fps = \n", "syntax error"),
    ],
)
def test_a_bad_file_is_one_line_that_names_key_and_file(tmp_path, text, complaint):
    path = tmp_path / "plan.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_toml(path, Plan)
    assert "plan.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"found nothing: .*absent\.toml"):
        read_toml(tmp_path / "absent.toml", Plan)
