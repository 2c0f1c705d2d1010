"""What carrying depth into color costs, and how right it is: `python benchmarks/warp.py [--quick]`.

Scenes are ray-traced for both cameras of a Kinect v2 with the calibration that iai_kinect2 publishes, with
1.5 mm of noise and flying pixels at every edge. Each method warps the same readings on one core,
interleaved: mavfer's warp, its plain numpy version, OpenCV's `registerDepth` with dilation (fed with true
depths, undistorted beforehand, which is not timed) onto the color camera's pixels and onto those of an
undistorted color picture, and painting a 3 x 3 spot per reading in numpy. The crop is the paper's,
1408 x 792 at (256, 144); the full picture is 1920 x 1080. The last line is one JSON object.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from _traced import Rays, Truth, kinect, random_scene, trace
from numpy.typing import NDArray

from mavfer.calibrate.calibration import Calibration
from mavfer.calibrate.warp import DepthWarp
from mavfer.calibrate.warp_reference import warp_depth

CROP = (256, 144, 1664, 936)
FULL = (0, 0, 1920, 1080)
WRONG_MM = 10.0
WANTED = {"crop_ms": 4.0, "mae_mm": 1.2, "coverage": 0.99, "shadow": 0.002}
N_SCENES = 6
QUICK_SCENES = 3
PINHOLE = "registerDepth, no lens"
Region = tuple[int, int, int, int]
Method = Callable[[Truth, Region], NDArray[np.uint16]]


@dataclass(frozen=True, slots=True)
class Score:
    """How right a warped crop is.

    Attributes
    ----------
    coverage : share with a depth of what the depth camera sees outside the silhouette band
    mae_mm : mean absolute error of these depths
    silhouette : share of the silhouette band that the depth camera sees that is empty or WRONG_MM off
    edge : of the filled pixels of that band, the share that is WRONG_MM off
    shadow : share of the pixels that something hides from the depth camera with a depth WRONG_MM off
    """

    coverage: float
    mae_mm: float
    silhouette: float
    edge: float
    shadow: float


def score(warped: NDArray[np.uint16], truth: Truth, region: Region) -> Score:
    """Return how right `warped` is, the depth of `region`."""
    x0, y0, x1, y1 = region
    part = np.s_[y0:y1, x0:x1]
    error_mm = np.abs(warped.astype(np.float64) - truth.color_z_mm[part])
    filled, band, visible = warped > 0, truth.silhouette[part], truth.visible[part]
    wrong, smooth, rim = error_mm > WRONG_MM, visible & ~band, visible & band
    return Score(
        float(filled[smooth].mean()),
        float(error_mm[smooth & filled].mean()),
        float((~filled | wrong)[rim].mean()),
        float(wrong[rim & filled].mean()),
        float((filled & wrong)[truth.shadow[part]].mean()),
    )


def register_depth(calibration: Calibration, *, lens: bool) -> Method:
    """Return OpenCV's registration; what it needs undistorted is made once for every picture.

    With `lens` it answers on the color camera's pixels, as the other methods do, else on those of an
    undistorted color picture, which is quicker.
    """
    depth, color = calibration.depth, calibration.color
    maps = cv2.initUndistortRectifyMap(
        depth.matrix,
        np.array(depth.distortion),
        np.eye(3),
        depth.matrix,
        (depth.width, depth.height),
        cv2.CV_32FC1,
    )
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = (
        calibration.color_from_depth.rotation,
        calibration.color_from_depth.translation_mm / 1000,  # it takes 16-bit depths for mm, and this for m
    )
    made: dict[int, NDArray[np.uint16]] = {}

    def method(truth: Truth, region: Region) -> NDArray[np.uint16]:
        if id(truth) not in made:
            true_mm = truth.depth_mm + calibration.depth_shift_mm
            true_mm = np.where(truth.depth_mm > 0, np.rint(true_mm), 0).astype(np.uint16)
            made[id(truth)] = np.asarray(cv2.remap(true_mm, *maps, cv2.INTER_NEAREST), np.uint16)
        x0, y0, x1, y1 = region
        camera = color.matrix - np.array([[0, 0, x0], [0, 0, y0], [0, 0, 0]])
        out = cv2.registerDepth(
            depth.matrix,
            camera,
            np.array(color.distortion) if lens else None,
            pose,
            made[id(truth)],
            (x1 - x0, y1 - y0),
            depthDilation=True,
        )
        return np.asarray(out, np.uint16).reshape(y1 - y0, x1 - x0)

    return method


def numpy_spots(calibration: Calibration) -> Method:
    """Return the plain way: every reading projected by itself and painted as 3 x 3 pixels, far ones first."""
    rays = (calibration.depth.ray_image() @ calibration.color_from_depth.rotation.T).reshape(-1, 3)
    rays = rays.astype(np.float32)
    eye_mm = calibration.color_from_depth.translation_mm.astype(np.float32)
    color = calibration.color
    k1, k2, p1, p2, k3 = (np.float32(k) for k in color.distortion)

    def method(truth: Truth, region: Region) -> NDArray[np.uint16]:
        x0, y0, x1, y1 = region
        width, height = x1 - x0, y1 - y0
        true_mm = truth.depth_mm.ravel() + np.float32(calibration.depth_shift_mm)
        x, y, z = (rays * true_mm[:, None] + eye_mm).T
        x, y = x / z, y / z
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        u = np.rint(color.fx * (x * radial + 2 * p1 * x * y + p2 * (r2 + 2 * x * x)) + color.cx) - x0
        v = np.rint(color.fy * (y * radial + p1 * (r2 + 2 * y * y) + 2 * p2 * x * y) + color.cy) - y0
        inside = (truth.depth_mm.ravel() > 0) & (u >= 1) & (u < width - 1) & (v >= 1) & (v < height - 1)
        at = v[inside].astype(np.int64) * width + u[inside].astype(np.int64)
        value = np.rint(z[inside]).astype(np.uint16)
        order = np.argsort(-value.astype(np.int32), kind="stable")
        at, value = at[order], value[order]
        layers = []
        for shift in (-width - 1, -width, -width + 1, -1, 0, 1, width - 1, width, width + 1):
            layer = np.full(width * height, 65535, np.uint16)
            layer[at + shift] = value
            layers.append(layer)
        nearest = np.minimum.reduce(layers)
        nearest[nearest == 65535] = 0
        return nearest.reshape(height, width)

    return method


def undistorted_places(color_rays: NDArray, calibration: Calibration) -> tuple[NDArray, NDArray]:
    """Return where the crop's pixels lie in the same crop of the undistorted color picture, for cv2.remap."""
    x0, y0, x1, y1 = CROP
    rays, color = color_rays[y0:y1, x0:x1], calibration.color
    x = rays[..., 0] * color.fx + color.cx - x0
    y = rays[..., 1] * color.fy + color.cy - y0
    return x.astype(np.float32), y.astype(np.float32)


def timed_ms(method: Method, truth: Truth, region: Region) -> float:
    """Return the milliseconds of this thread's processor time that one call takes."""
    begin_s = time.thread_time()
    method(truth, region)
    return (time.thread_time() - begin_s) * 1e3


def measure_times(
    methods: dict[str, Method], truths: list[Truth], seconds: float
) -> dict[tuple[str, Region], float]:
    """Return the median of interleaved calls, by method and region; those of the slow ones are fewer."""
    found: dict[tuple[str, Region], list[float]] = {(n, r): [] for n in methods for r in (CROP, FULL)}
    end_s, turn = time.monotonic() + seconds, 0
    while turn < 3 or time.monotonic() < end_s:
        for (name, region), times in found.items():
            if name != "plain numpy" or turn % 8 == 0:
                times.append(timed_ms(methods[name], truths[turn % len(truths)], region))
        turn += 1
    return {key: float(np.median(times)) for key, times in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_SCENES} scenes and 10 s of timing")
    parser.add_argument("--seconds", type=float, default=40.0, help="how long to take times")
    arguments = parser.parse_args()
    seconds = min(arguments.seconds, 10.0) if arguments.quick else arguments.seconds
    n_scenes = QUICK_SCENES if arguments.quick or seconds < 10 else N_SCENES
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    cv2.setNumThreads(1)
    calibration = kinect()
    rays = Rays.of(calibration)
    truths = [trace(random_scene(seed), calibration, rays=rays, seed=seed) for seed in range(n_scenes)]
    warp = DepthWarp(calibration)
    methods: dict[str, Method] = {
        "mavfer": lambda truth, region: warp.to_color(truth.depth_mm, region),
        "mavfer, fill=True": lambda truth, region: warp.to_color(truth.depth_mm, region, fill=True),
        "plain numpy": lambda truth, region: warp_depth(truth.depth_mm, calibration, region=region),
        "numpy 3 x 3 spots": numpy_spots(calibration),
        "registerDepth": register_depth(calibration, lens=True),
        PINHOLE: register_depth(calibration, lens=False),
    }
    back = undistorted_places(rays.color, calibration)
    scores: dict[str, Score] = {}
    for name, method in methods.items():
        each = [
            score(cv2.remap(found, *back, cv2.INTER_NEAREST) if name == PINHOLE else found, truth, CROP)
            for truth, found in ((truth, method(truth, CROP)) for truth in truths)
        ]
        scores[name] = Score(
            *(float(np.mean([getattr(one, part) for one in each])) for part in Score.__slots__)
        )
        method(truths[0], FULL)
    unequal = sum(
        int(np.count_nonzero(methods["mavfer"](truth, FULL) != methods["plain numpy"](truth, FULL)))
        for truth in truths[:1]
    )
    times_ms = measure_times(methods, truths, seconds)
    print(f"{n_scenes} scenes; medians of one thread's time over {seconds:g} s; accuracy on the crop\n")
    print(
        f"{'':24}{'crop ms':>9}{'full ms':>9}{'coverage':>10}{'mean mm':>9}{'silhouette':>12}"
        f"{'edge':>8}{'shadow':>9}"
    )
    for name, found in scores.items():
        print(
            f"{name:24}{times_ms[name, CROP]:9.2f}{times_ms[name, FULL]:9.2f}{found.coverage:10.4f}"
            f"{found.mae_mm:9.2f}{found.silhouette:12.3f}{found.edge:8.3f}{found.shadow:9.4f}"
        )
    print(f"\npixels in which the fast and the plain version differ: {unequal}")
    own, peer = times_ms["mavfer", CROP], times_ms[PINHOLE, CROP]
    best = scores["mavfer"]
    result = {
        "crop_ms": round(own, 3),
        "full_ms": round(times_ms["mavfer", FULL], 3),
        "mae_mm": round(best.mae_mm, 3),
        "coverage": round(best.coverage, 5),
        "silhouette": round(best.silhouette, 4),
        "edge": round(best.edge, 4),
        "shadow": round(best.shadow, 5),
        "over_registerDepth": round(own / peer, 3),
        "registerDepth_ms": round(peer, 3),
        "registerDepth_lens_ms": round(times_ms["registerDepth", CROP], 3),
        "numpy_ms": round(times_ms["plain numpy", CROP], 1),
        "numpy_full_ms": round(times_ms["plain numpy", FULL], 1),
        "numpy_spots_ms": round(times_ms["numpy 3 x 3 spots", CROP], 2),
        "unequal": unequal,
    }
    print(json.dumps(result | {"wanted": WANTED}))


if __name__ == "__main__":
    main()
