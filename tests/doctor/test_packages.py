"""Which extras are whole, told from the metadata of what is installed."""

import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

from mavfer.doctor.packages import Installed, check_extras, check_python, install_command, read_installed

LINES = (
    "numpy>=2.0",
    'harvesters==1.4.3; (sys_platform != "nowhere") and extra == "record"',
    'kinect-next==3.0.0; sys_platform == "nowhere" and extra == "record"',
    'torch==2.13.0; extra == "train"',
    'torchmetrics>=1.6; extra == "train"',
    'mavfer[record,train]; extra == "all"',
    'pytest>=8; extra == "test"',
)
WHOLE = {"numpy": "2.2.1", "harvesters": "1.4.3", "torch": "2.13.0+cpu", "torchmetrics": "1.6.0"}


def installed(lines=LINES, *, python="3.11.2", checkout=None):
    """Return an installation of mavfer with four extras."""
    return Installed("0.1.0", python, ">=3.11", lines, ("record", "train", "all", "test"), checkout)


def judged(use, versions, **changes):
    """Return {name: finding} of a machine with these versions."""
    found = check_extras(installed(**changes), use, version_of=versions.get)
    return {one.name: one for one in found}


def test_each_extra_has_a_line_but_those_made_of_others_and_those_of_developers():
    found = judged("all", WHOLE)
    assert list(found) == ["packages of mavfer", "extra record", "extra train"]
    assert {one.state for one in found.values()} == {"ok"}


def test_what_another_system_wants_is_not_missed_here():
    assert "1 package" in judged("all", WHOLE)["extra record"].found


@pytest.mark.parametrize(
    ("use", "state"), [("all", "not needed"), ("train", "not needed"), ("record", "fail")]
)
def test_an_extra_that_is_not_there_fails_for_the_use_that_cannot_do_without(use, state):
    found = judged(use, WHOLE | {"harvesters": None})["extra record"]
    assert found.state == state
    assert "harvesters==1.4.3" in found.found
    assert found.mend.endswith("'mavfer[record]'")


@pytest.mark.parametrize(("use", "state"), [("all", "warn"), ("record", "warn"), ("train", "fail")])
def test_a_package_of_another_version_is_named_with_both(use, state):
    found = judged(use, WHOLE | {"torch": "2.12.1"})["extra train"]
    assert found.state == state
    assert found.found == "torch 2.12.1 (wanted ==2.13.0)"


@pytest.mark.parametrize("versions", [{"numpy": None}, {"numpy": "1.26.4"}])
def test_without_its_own_packages_mavfer_fails_for_any_use(versions):
    for use in ("all", "rate"):
        found = judged(use, WHOLE | versions)["packages of mavfer"]
        assert found.state == "fail"
        assert found.mend


def test_many_missing_packages_are_counted():
    lines = tuple(f'part{number}; extra == "record"' for number in range(9))
    found = judged("record", {}, lines=lines)["extra record"]
    assert "part4 and 4 more" in found.found


def test_a_checkout_is_installed_again_with_its_constraints(tmp_path: Path):
    checkout = tmp_path / "the checkout"
    checkout.mkdir()
    assert install_command(checkout, "build").endswith(f"-e '{checkout}[build]'")
    (checkout / "constraints.txt").write_text("")
    assert f"-c '{checkout}/constraints.txt' -e" in install_command(checkout, "build")
    assert install_command(None, "").endswith(" mavfer")


@pytest.mark.parametrize(("python", "state"), [("3.10.14", "fail"), ("3.11.0", "ok"), ("3.15.0", "ok")])
def test_python_has_to_be_one_of_those_that_the_metadata_names(python, state):
    assert check_python(installed(python=python)).state == state


def test_the_metadata_of_this_installation_is_read_whole():
    found = read_installed()
    assert found.version == version("mavfer")
    assert found.python == ".".join(map(str, sys.version_info[:3]))
    assert {"record", "build", "annotate", "train"} <= set(found.extras)
    judged_here = check_extras(found, "all")
    for finding in judged_here:
        assert finding.state in ("ok", "not needed"), finding
    with pytest.raises(PackageNotFoundError):
        version("part0")
