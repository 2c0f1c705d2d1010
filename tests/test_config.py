"""A configuration file is read whole or refused with one line that names file and key."""

from typing import Annotated

import pytest
from pydantic import Field, StringConstraints

from mavfer.config import COMMAND_LINE, StrictModel, parse, read_toml
from mavfer.errors import ConfigError, UsageError


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


Name = Annotated[str, StringConstraints(pattern="^[a-z]+$"), Field(examples=["kinect"])]


class Device(StrictModel):
    number: Annotated[int, Field(ge=0)] | Annotated[str, Field(min_length=1)] | None = 0
    name: Name = "a"
    bare: str = Field(default="a", pattern="^[a-z]$")


class Devices(StrictModel):
    by_name: dict[Name, Device | None] = Field(default_factory=dict)
    listed: list[Device] = Field(default_factory=list)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"number": -1}, "number: wanted at least 0, found -1"),
        ({"number": ""}, "number: wanted text of 1 or more characters, found ''"),
        ({"number": []}, "number: wanted a whole number or text in quotes, found []"),
        ({"name": "A"}, "name: wanted text like kinect, found 'A'"),
        ({"bare": "A"}, "bare: wanted text of the form ^[a-z]$, found 'A'"),
    ],
)
def test_a_key_that_takes_this_or_that_is_told_without_the_library_s_names(table, complaint):
    for whole, before in (
        ({"listed": [{}, table]}, "listed.1."),
        ({"by_name": {"cam": table}}, "by_name.cam."),
    ):
        with pytest.raises(ConfigError) as caught:
            parse(whole, Devices, where="here")
        assert str(caught.value) == f"{before}{complaint}: here"


def test_a_name_of_a_table_is_told_with_an_example():
    with pytest.raises(
        ConfigError, match=r"^by_name: wanted text like kinect for a name, found 'Cam': here$"
    ):
        parse({"by_name": {"Cam": {}}}, Devices, where="here")


def test_a_misfit_from_the_command_line_is_misuse_and_one_of_a_file_is_not(tmp_path):
    with pytest.raises(UsageError, match="fps: wanted more than 0, found -1: the command line"):
        parse({"fps": -1}, Plan, where=COMMAND_LINE)
    with pytest.raises(ConfigError) as caught:
        parse({"fps": -1}, Plan, where=str(tmp_path))
    assert not isinstance(caught.value, UsageError)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"found nothing: .*absent\.toml"):
        read_toml(tmp_path / "absent.toml", Plan)
