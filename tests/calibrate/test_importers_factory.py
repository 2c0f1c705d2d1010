"""Factory values of a Kinect v2: what the driver maps is what the fitted color camera sees."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tomlkit

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.calibration_file import read_calibration, write_calibration
from mavfer.calibrate.importers.kinect_factory import (
    COLOR_Q,
    DEPTH_Q,
    TERMS,
    calibration_from_factory,
    freenect2_color_px,
    import_kinect_factory,
)
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.kinect_v2.factory import FILE_NAME, FactoryCalibration, FactoryIntrinsics
from mavfer.capture.kinect_v2.microsoft_sdk import factory_from_lens
from mavfer.capture.payload import DOCUMENTS
from mavfer.capture.session import RECORD_NAME, RecorderRecord, SessionRecord
from mavfer.capture.session_writer import SessionWriter
from mavfer.capture.streams import COLOR_1080P, KINECT_DEPTH
from mavfer.capture.trigger import Plan
from mavfer.errors import CalibrationError

WHERE = Path("somewhere")
DEPTHS_MM = (500.0, 1000.0, 4500.0)


def mirrored_depth(rig: Calibration) -> FactoryIntrinsics:
    """Return the depth camera as a driver tells it: of mirrored pictures."""
    depth = rig.depth
    k1, k2, p1, p2, k3 = depth.distortion
    names = {name: getattr(depth, name) for name in ("width", "height", "fx", "fy", "cx", "cy")}
    return FactoryIntrinsics(**names, k1=k1, k2=k2, k3=k3, p1=p1, p2=p2).mirrored()


def seen_in_color(rig: Calibration, depth_px: np.ndarray, z_mm: float) -> np.ndarray:
    return rig.color.project(
        rig.color_from_depth.apply(rig.depth.unproject(depth_px, np.full(len(depth_px), z_mm)))
    )


def polynomial_of(rig: Calibration) -> dict[str, float]:
    """Return libfreenect2's color parameters that see closest to what an unmirrored rig sees.

    Linear least squares over the depth picture at 0.5 to 4.5 m; the lens of depth is taken off first.
    """
    columns, rows = np.meshgrid(np.linspace(20, 490, 16), np.linspace(20, 400, 14))
    pixels = np.stack([columns, rows], axis=-1).reshape(-1, 2)
    xy = rig.depth.rays(pixels)[:, :2] * (rig.depth.fx, rig.depth.fy) * DEPTH_Q
    powers = np.stack([xy[:, 0] ** int(term[1]) * xy[:, 1] ** int(term[3]) for term in TERMS], axis=-1)
    baseline_mm = float(rig.color_from_depth.translation_mm[0])
    fixed = {"fx": rig.color.fx, "fy": rig.color.fy, "cx": rig.color.cx, "cy": rig.color.cy}
    fixed |= {"shift_m": baseline_mm, "shift_d": 863.0}
    found = {}
    seen = np.stack([seen_in_color(rig, pixels, z_mm) for z_mm in DEPTHS_MM])
    for axis, name in enumerate("xy"):
        wanted = seen[..., axis] - fixed[f"c{name}"]
        if name == "x":
            shifts = baseline_mm / np.array(DEPTHS_MM)[:, None] - baseline_mm / fixed["shift_d"]
            wanted = wanted - fixed["fx"] * shifts
        sums = wanted * COLOR_Q
        solved = np.linalg.lstsq(np.tile(powers, (len(DEPTHS_MM), 1)), sums.ravel())[0]
        found |= {f"m{name}_{term}": float(value) for term, value in zip(TERMS, solved, strict=True)}
    return fixed | found


def in_mirrored_pictures(rig: Calibration) -> Calibration:
    """Return the rig that sees the mirrored world as `rig` sees it, in pictures flipped left to right."""

    def flipped(camera: Intrinsics) -> Intrinsics:
        k1, k2, p1, p2, k3 = camera.distortion
        return replace(camera, cx=camera.width - 1 - camera.cx, distortion=(k1, k2, p1, -p2, k3))

    flip = np.diag([-1.0, 1.0, 1.0])
    pose = rig.color_from_depth
    return replace(
        rig,
        color=flipped(rig.color),
        depth=flipped(rig.depth),
        color_from_depth=RigidTransform(flip @ pose.rotation @ flip, flip @ pose.translation_mm),
    )


def freenect2(rig: Calibration) -> FactoryCalibration:
    """Return what libfreenect2 tells of a rig whose polynomials fit it: everything mirrored."""
    return FactoryCalibration(
        driver="libfreenect2",
        driver_version="0.2.0",
        serial=None,
        mirrored=True,
        depth=mirrored_depth(rig),
        color_parameters=polynomial_of(in_mirrored_pictures(rig)),
    )


def sdk(rig: Calibration) -> FactoryCalibration:
    """Return what Microsoft's SDK tells of a rig: the lens, and samples of its mapper, mirrored."""

    def color_of(x: int, y: int, depth_mm: int) -> SimpleNamespace:
        ((u, v),) = seen_in_color(rig, np.array([[511.0 - x, y]]), depth_mm)
        return SimpleNamespace(x=1919 - u, y=v)

    lens = mirrored_depth(rig)
    told = factory_from_lens(
        SimpleNamespace(
            FocalLengthX=lens.fx,
            FocalLengthY=lens.fy,
            PrincipalPointX=lens.cx,
            PrincipalPointY=lens.cy,
            RadialDistortionSecondOrder=lens.k1,
            RadialDistortionFourthOrder=lens.k2,
            RadialDistortionSixthOrder=lens.k3,
        ),
        color_of,
        driver="kinect-next",
        driver_version="3.0.0",
        serial="1",
    )
    assert told is not None
    return told


@pytest.fixture
def kinect(true_rig: Calibration) -> Calibration:
    """Return a rig of the size of a Kinect; its depth lens has no p1, p2, as the SDK knows none."""
    k1, k2, _, _, k3 = true_rig.depth.distortion
    depth = replace(true_rig.depth, distortion=(k1, k2, 0.0, 0.0, k3))
    return replace(true_rig, depth=depth, thermal=None, thermal_from_color=None)


def largest_miss_px(calibration: Calibration, rig: Calibration) -> float:
    pixels = np.stack(np.meshgrid(np.linspace(60, 450, 9), np.linspace(40, 380, 8)), -1).reshape(-1, 2)
    misses = [
        np.linalg.norm(seen_in_color(calibration, pixels, z) - seen_in_color(rig, pixels, z), axis=-1).max()
        for z in (600.0, 1000.0, 3000.0)
    ]
    return float(max(misses))


def test_the_mapper_of_a_pinhole_camera_gives_that_camera_back(kinect: Calibration) -> None:
    calibration = calibration_from_factory(sdk(kinect), rig="lab", where=WHERE)
    assert largest_miss_px(calibration, kinect) < 0.001
    np.testing.assert_allclose(calibration.color.matrix, kinect.color.matrix, rtol=1e-5)
    np.testing.assert_allclose(
        calibration.color_from_depth.translation_mm, kinect.color_from_depth.translation_mm, atol=0.01
    )
    np.testing.assert_allclose(calibration.depth.matrix, kinect.depth.matrix, atol=1e-9)
    assert calibration.rms_px["color"] < 0.001
    assert calibration.method == "imported from the factory's values (driver kinect-next 3.0.0)"


def test_polynomials_that_are_a_plain_pinhole_give_it_back(kinect: Calibration) -> None:
    plain = replace(
        kinect,
        color=replace(kinect.color, distortion=(0.0, 0.0, 0.0, 0.0, 0.0)),
        color_from_depth=RigidTransform.from_rotation_vector(np.zeros(3), np.array([-52.0, 0, 0])),
    )
    calibration = calibration_from_factory(freenect2(plain), rig="lab", where=WHERE)
    assert largest_miss_px(calibration, plain) < 1e-4
    assert calibration.rms_px["color"] < 1e-6


def test_polynomials_of_a_real_size_rig_are_explained_within_a_pixel(kinect: Calibration) -> None:
    factory = freenect2(kinect)
    calibration = calibration_from_factory(factory, rig="lab", where=WHERE)
    assert calibration.rms_px["color"] < 1
    seen = factory.unmirrored()
    pixels = np.stack(np.meshgrid(np.linspace(60, 450, 9), np.linspace(40, 380, 8)), -1).reshape(-1, 2)
    xyz_mm = seen.depth.intrinsics().unproject(pixels, np.full(len(pixels), 800.0))
    wanted = freenect2_color_px(xyz_mm, seen.color_parameters, seen.depth.intrinsics())
    assert np.sqrt(np.mean((seen_in_color(calibration, pixels, 800.0) - wanted) ** 2)) < 1
    assert any(f"rms {calibration.rms_px['color']:.2f} px" in remark for remark in calibration.remarks)


def test_what_is_assumed_of_the_factorys_values_is_said(kinect: Calibration) -> None:
    remarks = " ".join(calibration_from_factory(sdk(kinect), rig="lab", where=WHERE).remarks)
    assert "pixel centers are taken to lie at integers" in remarks
    assert "no depth shift" in remarks
    given = calibration_from_factory(sdk(kinect), rig="lab", where=WHERE, depth_shift_mm=-13.0)
    assert given.depth_shift_mm == -13
    assert not any("no depth shift" in remark for remark in given.remarks)


def test_values_that_are_not_mirrored_are_taken_as_they_stand(kinect: Calibration) -> None:
    a, b = (
        calibration_from_factory(one, rig="lab", where=WHERE)
        for one in (sdk(kinect), sdk(kinect).unmirrored())
    )
    assert a.color == b.color


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"depth_to_color": ()}, "tells nothing of the color camera"),
        ({"mirrored": False}, "mirrored pictures|turned round|cameras of a Kinect v2|px off"),
    ],
)
def test_values_that_are_no_rig_are_refused(kinect: Calibration, change: dict, complaint: str) -> None:
    with pytest.raises(CalibrationError, match=complaint) as caught:
        calibration_from_factory(sdk(kinect).model_copy(update=change), rig="lab", where=WHERE)
    assert str(caught.value).endswith(": somewhere")


def test_color_parameters_that_lack_one_are_refused(kinect: Calibration) -> None:
    factory = freenect2(kinect)
    del factory.color_parameters["mx_x1y0"]
    with pytest.raises(CalibrationError, match="mx_x1y0 are missing"):
        calibration_from_factory(factory, rig="lab", where=WHERE)


@pytest.mark.parametrize("name", ["fx", "shift_d"])
def test_color_parameters_that_would_be_divided_by_and_are_0_are_refused(
    kinect: Calibration, name: str
) -> None:
    factory = freenect2(kinect)
    factory.color_parameters[name] = 0.0
    with pytest.raises(CalibrationError, match=r"fx and shift_d other than 0.*: somewhere$"):
        calibration_from_factory(factory, rig="lab", where=WHERE)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"width": 30_000}, "wanted 512 x 424 pixels of depth, .* found 30000 x 424"),
        ({"cx": -5.0}, "principal point"),
        ({"fx": 100.0}, "focal lengths near each other"),
        ({"k1": -50.0}, "lens of the depth camera that can be undone"),
    ],
)
def test_a_depth_camera_that_no_calibration_file_may_hold_is_refused(
    kinect: Calibration, change: dict, complaint: str
) -> None:
    told = freenect2(kinect)
    wrong = told.model_copy(update={"depth": told.depth.model_copy(update=change)})
    with pytest.raises(CalibrationError, match=rf"{complaint}.*: somewhere$"):
        calibration_from_factory(wrong, rig="lab", where=WHERE)


def test_a_mapper_that_no_camera_explains_is_refused(kinect: Calibration) -> None:
    rng = np.random.default_rng(3)
    told = sdk(kinect)
    samples = tuple(
        one.model_copy(update={"color_x": one.color_x + rng.normal(0, 5)}) for one in told.depth_to_color
    )
    with pytest.raises(CalibrationError, match="px off"):
        calibration_from_factory(told.model_copy(update={"depth_to_color": samples}), rig="lab", where=WHERE)


@pytest.fixture
def session(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a session whose recorders' cameras left documents."""

    def write(**documents: dict[str, str]) -> Path:
        folder = tmp_path / "take"
        folder.mkdir()
        for name, texts in documents.items():
            writer = SessionWriter(folder, recorder=name, specs=(COLOR_1080P, KINECT_DEPTH))
            writer.begin({}, now_ns=0)
            for title, text in texts.items():
                writer.add_table(DOCUMENTS, {"name": title, "text": text}, now_ns=0)
            writer.finish()
        record = SessionRecord(
            id="take",
            subject="S01",
            rig="lab",
            simulated=False,
            state="complete",
            started_utc="2026-11-21T10:00:00+00:00",
            plan=Plan(first_tick_ns=0, fps=10, n_ticks=1),
            recorders={
                name: RecorderRecord(
                    camera="kinect_v2", streams=("color", "depth"), files=(f"{name}.0000.mcap",)
                )
                for name in documents
            },
        )
        table = record.model_dump(mode="json", exclude_none=True)
        (folder / RECORD_NAME).write_text(tomlkit.dumps(table), encoding="utf-8")
        return folder

    return write


def test_a_session_and_its_exported_document_give_the_same_calibration(
    kinect: Calibration, session: Callable[..., Path], tmp_path: Path
) -> None:
    text = sdk(kinect).to_json()
    from_session = import_kinect_factory(session(kinect={FILE_NAME: text}, thermal={"genicam.xml": "<a/>"}))
    assert (from_session.rig, from_session.sources) == ("lab", ("take",))
    assert from_session.created_utc == "2026-11-21T10:00:00+00:00"
    (tmp_path / FILE_NAME).write_text(text)
    from_file = import_kinect_factory(tmp_path / FILE_NAME, rig="other")
    assert (from_file.rig, from_file.color) == ("other", from_session.color)
    write_calibration(tmp_path / "calibration.toml", from_session)
    assert read_calibration(tmp_path / "calibration.toml").color == from_session.color


def test_a_session_without_factory_values_or_with_two_is_refused(
    kinect: Calibration, session: Callable[..., Path]
) -> None:
    text = sdk(kinect).to_json()
    path = session(left={FILE_NAME: text}, right={FILE_NAME: text})
    with pytest.raises(CalibrationError, match=r"found left and right: .*take"):
        import_kinect_factory(path)


def test_a_session_of_other_cameras_is_refused(session: Callable[..., Path]) -> None:
    with pytest.raises(CalibrationError, match="found nobody who did"):
        import_kinect_factory(session(thermal={"genicam.xml": "<a/>"}))


@pytest.mark.parametrize(("text", "complaint"), [("", "factory calibration"), ("{}", "depth is missing")])
def test_a_document_that_is_none_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / FILE_NAME).write_text(text)
    with pytest.raises(CalibrationError, match=complaint):
        import_kinect_factory(tmp_path / FILE_NAME)
    with pytest.raises(CalibrationError, match="found nothing"):
        import_kinect_factory(tmp_path / "no.json")
