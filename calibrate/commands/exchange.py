"""The commands `mavfer calibrate import` and `mavfer calibrate export`."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from ...facts import AsJson, print_json
from ..calibration import Calibration

Source = Literal["iai", "factory", "opencv"]


def import_calibration(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="A folder of iai_kinect2, a session of a Kinect v2 (or its factory_calibration.json), or a "
            "folder that `mavfer calibrate export --format opencv` wrote.",
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="The calibration file to write.")] = Path("calibration.toml"),
    format: Annotated[
        Source | None, typer.Option(help="What the source is; seen from its files if not given.")
    ] = None,
    rig: Annotated[
        str, typer.Option(help="The rig's name, as its sessions have it; the folder's or session's if empty.")
    ] = "",
    color: Annotated[
        Path | None, typer.Option(help="OpenCV: the color camera's YAML, in place of SOURCE.")
    ] = None,
    depth: Annotated[Path | None, typer.Option(help="OpenCV: the depth (infrared) camera's YAML.")] = None,
    thermal: Annotated[Path | None, typer.Option(help="OpenCV: the thermal camera's YAML.")] = None,
    stereo_depth: Annotated[
        Path | None, typer.Option(help="OpenCV: YAML with R, T between color and depth.")
    ] = None,
    stereo_thermal: Annotated[
        Path | None, typer.Option(help="OpenCV: YAML with R, T between color and thermal.")
    ] = None,
    from_camera: Annotated[
        Literal["color", "other"] | None,
        typer.Option("--from", help="OpenCV: whose points R, T carry into the other camera's frame."),
    ] = None,
    unit: Annotated[Literal["mm", "cm", "m"] | None, typer.Option(help="OpenCV: the unit of T.")] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="CAMERA=WIDTHxHEIGHT", help="OpenCV: where a file does not say it."),
    ] = None,
    depth_shift_mm: Annotated[
        float | None, typer.Option(help="Added to depth readings; instead of what the source says.")
    ] = None,
    depth_scale: Annotated[
        float | None, typer.Option(help="OpenCV: depth readings are multiplied by it.")
    ] = None,
    as_is: Annotated[
        bool, typer.Option("--as-is", help="iai: keep the infrared cx, cy, which are 0.25 px too large.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what stands at --out.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make a calibration file of what another program, or the factory, has measured.

    OpenCV's files are given camera by camera: --color c.yml --depth d.yml --stereo-depth s.yml --from color
    --unit mm, where s.yml has R and T of cv2.stereoCalibrate with the color camera first.

    Example: mavfer calibrate import iai_folder --out calibration.toml --rig lab-2
    Example: mavfer calibrate import sessions/S01 --out calibration.toml
    """
    from ...errors import UsageError
    from ...output import require_free
    from ..calibration_file import write_calibration

    single = {"color": color, "depth": depth, "thermal": thermal}
    only_opencv = {
        **{f"--{name}": path for name, path in single.items()},
        "--stereo-depth": stereo_depth,
        "--stereo-thermal": stereo_thermal,
        "--from": from_camera,
        "--unit": unit,
        "--size": size or None,
        "--depth-scale": depth_scale,
    }
    given = [option for option, value in only_opencv.items() if value is not None]
    if source is None:
        if color is None or depth is None:
            raise UsageError("wanted a SOURCE, or --color and --depth with OpenCV's files, found neither")
        if format not in (None, "opencv") or as_is:
            raise UsageError(
                "--color and --depth are OpenCV's files: drop --format or --as-is, or name a SOURCE"
            )
    elif given:
        raise UsageError(f"wanted either a SOURCE or single OpenCV files, found {source} and {given[0]}")
    if thermal is None and stereo_thermal is not None:
        raise UsageError("--stereo-thermal needs --thermal, the camera's own file")
    sizes_px = _sizes_px(size or [])
    require_free(out, overwrite=overwrite)
    if source is None and color is not None and depth is not None:
        from ..importers.opencv import OpenCVFiles, import_opencv

        stereo = {"depth": stereo_depth, "thermal": stereo_thermal}
        files = OpenCVFiles(
            color,
            depth,
            thermal,
            stereo={name: path for name, path in stereo.items() if path is not None},
            first_is_color=None if from_camera is None else from_camera == "color",
            unit=unit or "",
            size_px=sizes_px,
        )
        calibration = import_opencv(
            files,
            rig=rig,
            depth_shift_mm=depth_shift_mm,
            depth_scale=1.0 if depth_scale is None else depth_scale,
        )
    else:
        calibration = _of_source(source or Path(), format, rig, depth_shift_mm, as_is)
    write_calibration(out, calibration, overwrite=overwrite)
    if as_json:
        from .calibration_facts import calibration_facts

        print_json({"calibration": out, **calibration_facts(calibration)})
    else:
        _print_cameras(calibration)
    for remark in calibration.remarks:
        typer.echo(f"note: {remark}", err=True)
    if not as_json:
        typer.echo(f"{calibration.method}: wrote the calibration of the rig {calibration.rig!r}: {out}")


def export_calibration(
    calibration: Annotated[Path, typer.Argument(metavar="CALIBRATION", help="A calibration file.")],
    format: Annotated[
        Literal["opencv", "ros", "iai"],
        typer.Option(
            help="OpenCV's YAML, ROS camera_info with static transforms, or a folder of iai_kinect2."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The folder to write.")],
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace a folder that was exported before.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write a calibration as the files that OpenCV, ROS or iai_kinect2 read.

    Example: mavfer calibrate export calibration.toml --format opencv --out opencv
    """
    from ...output import new_folder, require_folder_free
    from ..calibration_file import read_calibration
    from ..exporters import iai_kinect2, opencv, ros

    writer, marker = {
        "opencv": (opencv.opencv_files, opencv.RIG_FILE),
        "ros": (ros.ros_files, ros.EXTRINSICS_FILE),
        "iai": (iai_kinect2.iai_kinect2_files, iai_kinect2.POSE_FILE),
    }[format]
    require_folder_free(out, marker=marker, overwrite=overwrite)
    solved = read_calibration(calibration)
    texts = writer(solved)
    with new_folder(out, marker=marker, overwrite=overwrite) as folder:
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8", newline="\n")
    warnings = []
    if format == "iai" and solved.thermal is not None:
        warnings.append("iai_kinect2 knows no thermal camera; it was left out")
    if format == "iai" and solved.depth_scale != 1:
        warnings.append(
            f"iai_kinect2 knows no depth scale ({solved.depth_scale:g}); its shift is right at 1 m"
        )
    for warning in warnings:
        typer.echo(f"warning: {warning}", err=True)
    if as_json:
        print_json(
            {"folder": out, "format": format, "files": [out / name for name in texts], "warnings": warnings}
        )
        return
    for name in texts:
        typer.echo(f"wrote {out / name}")


def _of_source(
    source: Path, format: Source | None, rig: str, depth_shift_mm: float | None, as_is: bool
) -> Calibration:
    """Return the calibration in a folder or file, of the kind that is wanted or that its files show."""
    from ...errors import UsageError

    chosen = format or _format_of(source)
    if as_is and chosen != "iai":
        raise UsageError(f"--as-is is for folders of iai_kinect2, found one of format {chosen!r}: {source}")
    if chosen == "iai":
        from ..importers.iai_kinect2 import import_iai_kinect2

        return import_iai_kinect2(source, rig=rig, as_is=as_is, depth_shift_mm=depth_shift_mm)
    if chosen == "factory":
        from ..importers.kinect_factory import import_kinect_factory

        return import_kinect_factory(source, rig=rig, depth_shift_mm=depth_shift_mm)
    from ..importers.opencv import import_opencv_folder

    return import_opencv_folder(source, rig=rig, depth_shift_mm=depth_shift_mm)


def _format_of(source: Path) -> Source:
    """Return what a source is, by its files."""
    from ...capture.session import RECORD_NAME
    from ...errors import CalibrationError
    from ..importers.iai_kinect2 import COLOR_FILE, POSE_FILE
    from ..importers.opencv import RIG_FILE

    if (source / COLOR_FILE).is_file() or (source / POSE_FILE).is_file():
        return "iai"
    if (source / RECORD_NAME).is_file() or source.suffix == ".json":
        return "factory"
    if (source / RIG_FILE).is_file():
        return "opencv"
    found = "a file of another kind" if source.is_file() else "neither" if source.is_dir() else "nothing"
    raise CalibrationError(
        f"wanted a folder with {COLOR_FILE} (iai_kinect2) or {RIG_FILE} (OpenCV), or a session, found "
        f"{found}; single OpenCV files go in as --color and --depth: {source}"
    )


def _sizes_px(words: list[str]) -> dict[str, tuple[int, int]]:
    from ...errors import UsageError

    sizes_px = {}
    for word in words:
        found = re.fullmatch(r"(color|depth|thermal)=([1-9]\d{1,4})x([1-9]\d{1,4})", word)
        if found is None:
            raise UsageError(f"wanted --size color=1920x1080 (or depth, thermal), found {word!r}")
        sizes_px[found[1]] = (int(found[2]), int(found[3]))
    return sizes_px


def _print_cameras(calibration: Calibration) -> None:
    """Print one line per camera, and where it stands."""
    from ...capture.streams import Stream

    for name, camera in calibration.cameras.items():
        rms = f", rms {calibration.rms_px[name]:.2f} px" if name in calibration.rms_px else ""
        typer.echo(
            f"{name}: {camera.width} x {camera.height}, fx {camera.fx:.2f}, fy {camera.fy:.2f}, "
            f"cx {camera.cx:.2f}, cy {camera.cy:.2f} px{rms}"
        )
        if name != "color":
            pose = calibration.from_color(Stream(name)).inverse()
            x, y, z = (f"{value:.1f}" for value in pose.translation_mm)
            typer.echo(f"  at ({x}, {y}, {z}) mm from color, turned by {pose.angle_deg:.2f} degrees")
    typer.echo(f"true depth = {calibration.depth_scale:g} * reading {calibration.depth_shift_mm:+.2f} mm")
