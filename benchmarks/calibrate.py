"""How well random rigs are calibrated from 30 board views, and whether the stated uncertainty is true.

Prints tables and, as the last line, one JSON object. See benchmarks/README.md.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parent))
from _random_rigs import (
    SIZE_PX,
    board_poses,
    from_color,
    plane_reading_mm,
    projected_views,
    random_rig,
    rendered,
)

from mavfer.calibrate.boards.shading import find_in_even_light
from mavfer.calibrate.solver.depth_shift import DepthPoints, blank_mm, fit_depth, paper_depths_mm
from mavfer.calibrate.solver.rig_geometry import INTRINSICS, RigGeometry
from mavfer.calibrate.solver.rig_solver import Solution, solve_views
from mavfer.calibrate.solver.uncertainty import POSE_KEYS, face_places_px
from mavfer.calibrate.solver.views import BoardView
from mavfer.capture.board import Board, Chessboard
from mavfer.capture.geometry import Intrinsics, RigidTransform
from mavfer.capture.simulated import renderer
from mavfer.capture.simulated.board import HOLD_S, MOVE_S
from mavfer.capture.simulated.rig import SimulatedRig
from mavfer.capture.simulated.scene import SceneSettings
from mavfer.capture.streams import Stream
from mavfer.errors import CalibrationError

N_VIEWS = 30
N_RIGS, N_QUICK_RIGS = 200, 20
N_RENDERED, N_QUICK_RENDERED = 6, 1
N_DEPTH_VIEWS = 12
NOISE = 10.0  # rendered pictures are clean; OpenCV's chessboards leave real cameras 0.1 to 0.2 px
TWO_SIDED_95 = 1.96
IAI_BIAS_PX = (
    0.25  # what kinect2_calibration adds to infrared corners (halved coordinates of doubled pictures)
)
FIGURES = ("color_depth_px", "color_thermal_px", "translation_mm", "focal_percent")


def truth_of(rig: SimulatedRig) -> RigGeometry:
    cameras = from_color(rig)
    return RigGeometry(
        {name: camera for name, (camera, _) in cameras.items()},
        {name: pose for name, (_, pose) in cameras.items() if name != "color"},
        (),
    )


def errors_of(geometry: RigGeometry, rig: SimulatedRig) -> dict[str, float]:
    """Return the errors of the bar: at a face at 1 m (the worst of five points), poses, focal lengths."""
    true = truth_of(rig)
    places = face_places_px(true)
    wanted, found = places(true), places(geometry)
    face = {name: float(np.linalg.norm(found[name] - wanted[name], axis=1).max()) for name in wanted}
    shifts = [
        np.linalg.norm(found.translation_mm - true.translation_mm)
        for found, true in poses_of(geometry, rig).values()
    ]
    focal = [
        abs(getattr(camera, key) / getattr(true.cameras[name], key) - 1)
        for name, camera in geometry.cameras.items()
        for key in ("fx", "fy")
    ]
    return {
        "color_depth_px": face["depth"],
        "color_thermal_px": face["thermal"],
        "translation_mm": float(max(shifts)),
        "focal_percent": 100 * float(max(focal)),
    }


def poses_of(geometry: RigGeometry, rig: SimulatedRig) -> dict[str, tuple[RigidTransform, RigidTransform]]:
    """Return found and true poses as a calibration file states them."""
    return {
        "color_from_depth": (geometry.from_color["depth"].inverse(), rig.color_from_depth),
        "thermal_from_color": (geometry.from_color["thermal"], rig.thermal_from_color),
    }


def deviations_of(solution: Solution, rig: SimulatedRig, errors: dict[str, float]) -> dict[str, float]:
    """Return every error in stated standard deviations."""
    stated, ratios = solution.uncertainty, {}
    for name, (true, _) in from_color(rig).items():
        found = vector(solution.geometry.cameras[name]) - vector(true)
        for key, error in zip(INTRINSICS, found, strict=True):
            ratios[f"{name} {key}"] = abs(error) / stated[name][key]
    for name, (found, true) in poses_of(solution.geometry, rig).items():
        turn, _ = cv2.Rodrigues(true.rotation @ found.rotation.T)
        error = [*np.degrees(np.ravel(turn)), *(true.translation_mm - found.translation_mm)]
        for key, value in zip(POSE_KEYS, error, strict=True):
            ratios[f"{name} {key}"] = abs(value) / stated[name][key]
    for name in ("depth", "thermal"):
        ratios[f"face_at_1m {name}_px"] = errors[f"color_{name}_px"] / stated["face_at_1m"][f"{name}_px"]
    return ratios


def vector(camera: Intrinsics) -> NDArray[np.float64]:
    return np.array([camera.fx, camera.fy, camera.cx, camera.cy, *camera.distortion])


def shift_of(
    solution: Solution, rig: SimulatedRig, board: Board, poses: list[RigidTransform], *, seed: int
) -> tuple[float, float]:
    """Return the error of the depth shift, mm, and its stated deviation."""
    random = np.random.default_rng([seed, 13])
    paper, index, true_mm, read_mm = blank_mm(board), [], [], []
    numbers = [int(view.name) for view in solution.views]
    seen = [i for i, view in enumerate(solution.views) if "depth" in view.corners_px]
    for i in seen[:: max(1, len(seen) // N_DEPTH_VIEWS)]:
        reading = plane_reading_mm(rig, poses[numbers[i]], random=random)
        true, read = paper_depths_mm(reading, paper, solution.geometry, solution.geometry.color_from_board[i])
        if len(true):
            index.append(i)
            true_mm.append(float(np.median(true)))
            read_mm.append(true_mm[-1] - float(np.median(true - read)))
    points = DepthPoints(np.array(index), np.array(true_mm), np.array(read_mm))
    determined = solution.determined
    fit = fit_depth(
        points, solution.geometry, covariance=determined.covariance, board_steps=determined.board_steps
    )
    return fit.shift_mm - rig.depth_shift_mm, fit.shift_deviation_mm


def solved_by_opencv(
    views: tuple[BoardView, ...], board: Board, *, infrared_bias_px: float = 0.0
) -> RigGeometry:
    """Return the rig as iai_kinect2 solves it: each camera alone, then each pair with fixed intrinsics."""
    points = board.points_mm.astype(np.float32)
    corners = {
        name: {
            i: (view.corners_px[name] + (infrared_bias_px if name == "depth" else 0)).astype(np.float32)
            for i, view in enumerate(views)
            if name in view.corners_px
        }
        for name in SIZE_PX
    }
    lens = {}
    for name, size in SIZE_PX.items():
        seen = list(corners[name].values())
        _, matrix, distortion, _, _ = cv2.calibrateCamera(
            [points] * len(seen), seen, size, np.empty(0), np.empty(0)
        )
        lens[name] = matrix, np.ravel(distortion)[:5]
    cameras, poses = {}, {}
    for name, (matrix, k) in lens.items():
        k1, k2, p1, p2, k3 = (float(value) for value in k)
        fx, fy, cx, cy = (float(matrix[at]) for at in ((0, 0), (1, 1), (0, 2), (1, 2)))
        cameras[name] = Intrinsics(*SIZE_PX[name], fx, fy, cx, cy, (k1, k2, p1, p2, k3))
        if name != "color":
            shared = sorted(corners["color"].keys() & corners[name].keys())
            pair = [[corners[camera][i] for i in shared] for camera in ("color", name)]
            _, _, _, _, _, rotation, shift, _, _ = cv2.stereoCalibrate(
                [points] * len(shared), *pair, *lens["color"], *lens[name], SIZE_PX["color"],
                flags=cv2.CALIB_FIX_INTRINSIC,
            )  # fmt: skip
            left, _, right = np.linalg.svd(rotation)
            poses[name] = RigidTransform(left @ right, np.ravel(shift))
    return RigGeometry(cameras, poses, ())


def rendered_views(
    rig: SimulatedRig, board: Board, *, seed: int
) -> tuple[list[BoardView], dict[str, NDArray]]:
    """Return views found in rendered pictures, and the errors (M, N, 2) of their corners by camera."""
    scene = SceneSettings(target="board", clock="virtual", board=str(board), seed=seed)
    seconds = N_VIEWS * (HOLD_S + MOVE_S)
    with rendered(rig):
        kinect = renderer.KinectView(scene, subject="board", seconds=seconds)
        thermal = renderer.ThermalView(scene, subject="board", seconds=seconds)
    cameras, views = from_color(rig), []
    errors: dict[str, list[NDArray]] = {name: [] for name in cameras}
    for k, pose in enumerate(board_poses(rig, board, n_views=N_VIEWS, seed=seed)):
        t_s, corners_px = k * (HOLD_S + MOVE_S) + HOLD_S / 2, {}
        pictures = {
            "color": (kinect.color(t_s, k), Stream.COLOR),
            "depth": (kinect.depth_infrared(t_s, k)[1], Stream.INFRARED),
            "thermal": (thermal.thermal(t_s, k), Stream.THERMAL),
        }
        for name, (picture, stream) in pictures.items():
            found = find_in_even_light(picture, board, stream)
            if found is None:
                continue
            corners_px[name] = found[1]
            camera, camera_from_color = cameras[name]
            true = camera.project((camera_from_color @ pose).apply(board.points_mm))
            errors[name].append(found[1] - (true[::-1] if name == "thermal" else true))
        if corners_px:
            views.append(BoardView(f"{k}", corners_px, {}))
    return views, {name: np.array(found) for name, found in errors.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rigs: a minute on two cores")
    parser.add_argument("--seconds", type=float, help="stop solving random rigs after about that long")
    parser.add_argument("--board", default="9x6x25mm")
    parser.add_argument("--noise", type=float, default=NOISE, help="times the noise on rendered pictures")
    options = parser.parse_args()
    board = Board.parse(options.board)
    if not isinstance(board, Chessboard):
        parser.error(f"wanted a chessboard, found {options.board!r}")
    short = options.quick or options.seconds is not None
    figures, noise_px = rendered_part(board, N_QUICK_RENDERED if short else N_RENDERED)
    noise_px = {name: options.noise * value for name, value in noise_px.items()}
    n_rigs = N_QUICK_RIGS if options.quick else N_RIGS
    figures |= random_part(board, noise_px, n_rigs=n_rigs, seconds=options.seconds)
    print(json.dumps({key: round(value, 4) for key, value in figures.items()}))


def rendered_part(board: Board, n_rigs: int) -> tuple[dict[str, float], dict[str, float]]:
    """Print what rendered pictures give; return figures, and the corner noise by camera."""
    print(f"{n_rigs} random rigs, {N_VIEWS} rendered moments each, corners found in the pictures")
    results, ratios, all_errors = [], [], {name: [] for name in SIZE_PX}
    for seed in range(n_rigs):
        rig = random_rig(np.random.default_rng([seed, 1]))
        views, errors = rendered_views(rig, board, seed=seed)
        for name, found in errors.items():
            all_errors[name].append(found.reshape(-1, 2))
        solution = solve_views(views, board, size_px=SIZE_PX)
        results.append(errors_of(solution.geometry, rig))
        ratios += deviations_of(solution, rig, results[-1]).values()
    noise_px = {}
    for name, found in all_errors.items():
        errors = np.concatenate(found)
        noise_px[name] = float(np.sqrt((errors**2).mean()))
        print(f"  {name:8} {noise_px[name]:.4f} px per coordinate, bias {errors.mean(axis=0).round(4)}")
    figures = {}
    for key in FIGURES:
        values = [result[key] for result in results]
        figures[f"rendered_{key}"] = float(np.median(values))
        print(f"  {key:18} median {np.median(values):.4f}   worst {max(values):.4f}")
    figures["rendered_covered_percent"] = 100 * float(np.mean(np.array(ratios) < TWO_SIDED_95))
    print(f"  of all stated 95 % intervals {figures['rendered_covered_percent']:.0f} % hold the truth")
    return figures, noise_px


def random_part(
    board: Board, noise_px: dict[str, float], *, n_rigs: int, seconds: float | None
) -> dict[str, float]:
    """Print how well random rigs are solved from projected corners, beside OpenCV; return figures."""
    started, solving_s = time.perf_counter(), []
    results: dict[str, list[dict[str, float]]] = {"mavfer": [], "opencv": [], "iai": []}
    ratios: dict[str, list[float]] = {}
    refused, shifts = [], []
    for seed in range(n_rigs):
        if seconds is not None and seed >= 5 and time.perf_counter() - started > seconds:
            break
        rig = random_rig(np.random.default_rng([seed, 2]))
        views = projected_views(rig, board, n_views=N_VIEWS, noise_px=noise_px, seed=seed)
        before = time.perf_counter()
        try:
            solution = solve_views(views, board, size_px=SIZE_PX)
        except CalibrationError as error:
            refused.append(str(error))
            continue
        solving_s.append(time.perf_counter() - before)
        errors = errors_of(solution.geometry, rig)
        results["mavfer"].append(errors)
        results["opencv"].append(errors_of(solved_by_opencv(solution.views, board), rig))
        biased = solved_by_opencv(solution.views, board, infrared_bias_px=IAI_BIAS_PX)
        results["iai"].append(errors_of(biased, rig))
        for key, ratio in deviations_of(solution, rig, errors).items():
            ratios.setdefault(key, []).append(ratio)
        poses = board_poses(rig, board, n_views=N_VIEWS, seed=seed)
        error_mm, deviation_mm = shift_of(solution, rig, board, poses, seed=seed)
        shifts.append(abs(error_mm))
        ratios.setdefault("depth depth_shift_mm", []).append(abs(error_mm) / deviation_mm)
    n = len(results["mavfer"])
    levels = ", ".join(f"{name} {value:.4f}" for name, value in noise_px.items())
    print(f"\n{n} random rigs, {N_VIEWS} views, corner noise px: {levels}; {len(refused)} refused")
    for line in refused:
        print(f"  refused: {line}")
    print(f"  {'':18} {'median':>9} {'95th':>9}   OpenCV median (95th)   with iai_kinect2's +0.25 px")
    figures = {"rigs": float(n), "refused": float(len(refused)), "solve_s": float(np.median(solving_s))}
    for key in FIGURES:
        middle, high = {}, {}
        for who, found in results.items():
            middle[who] = float(np.median([result[key] for result in found]))
            high[who] = float(np.percentile([result[key] for result in found], 95))
        figures |= {
            key: middle["mavfer"],
            f"{key}_p95": high["mavfer"],
            f"opencv_over_{key}": middle["opencv"] / middle["mavfer"],
            f"iai_over_{key}": middle["iai"] / middle["mavfer"],
        }
        print(
            f"  {key:18} {middle['mavfer']:9.4f} {high['mavfer']:9.4f}   {middle['opencv']:9.4f} "
            f"({high['opencv']:.4f})   {middle['iai']:9.4f} ({high['iai']:.4f})"
        )
    print(f"  depth shift        {np.median(shifts):9.4f} {np.percentile(shifts, 95):9.4f} mm")
    print("\nshare of stated 95 % intervals that hold the truth")
    shares = {key: 100 * float(np.mean(np.array(found) < TWO_SIDED_95)) for key, found in ratios.items()}
    keys = list(shares)
    for row in range(0, len(keys), 3):
        print("  " + "".join(f"{key:32}{shares[key]:5.1f} %  " for key in keys[row : row + 3]))
    figures |= {
        "depth_shift_mm": float(np.median(shifts)),
        "covered_percent": float(np.mean(list(shares.values()))),
        "covered_percent_least": min(shares.values()),
        "covered_percent_most": max(shares.values()),
        "covered_percent_face_depth": shares["face_at_1m depth_px"],
        "covered_percent_face_thermal": shares["face_at_1m thermal_px"],
    }
    return figures


if __name__ == "__main__":
    main()
