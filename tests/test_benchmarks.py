"""Every benchmark runs and keeps the promise of its last line; what it measures is nobody's test."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

import mavfer

FOLDER = Path(mavfer.__file__).parent / "benchmarks"
BENCHMARKS = sorted(path.name for path in FOLDER.glob("[a-z]*.py"))
KEYS = {
    "annotate.py": {"lost", "ack_p50_ms", "ack_p99_ms", "journal_over_store", "rewrite_over_store"},
    "build.py": {
        "compute_fps",
        "naive_fps",
        "compute_over_naive",
        "end_to_end_fps",
        "two_workers",
        "hundred_sessions",
    },
    "calibrate.py": {
        "color_depth_px",
        "color_thermal_px",
        "translation_mm",
        "focal_percent",
        "color_depth_px_p95",
        "opencv_over_color_depth_px",
        "iai_over_color_depth_px",
        "covered_percent",
        "rendered_color_depth_px",
        "solve_s",
    },
    "clips.py": {"memcpy_share", "clips_per_s", "blosc2_clips_per_s", "blosc2_bytes_share"},
    "feed.py": {"feed_over_step", "feed_clips_per_s", "step_clips_per_s"},
    "clock.py": {"loopback_p99_ms", "busy_p99_ms"},
    "live.py": {"predictions_per_s", "latency_p50_ms", "latency_p95_ms", "network_ms", "face_share"},
    "startup.py": {"version_s", "help_s", "wheel_mb"},
    "train_step.py": {"speedup_fp32", "speedup_bf16", "max_abs_diff"},
    "warp.py": {"crop_ms", "full_ms", "mae_mm", "coverage", "silhouette", "shadow", "over_registerDepth"},
    "record.py": {"lost", "sets", "cpu_over_encode", "wire_lost", "wire_beyond_encode_percent"},
}


def test_there_are_benchmarks():
    assert "record.py" in BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_and_its_keys_are_explained(name):
    explained = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"benchmarks/{name}" in explained
    assert [key for key in KEYS[name] if f"`{key}`" not in explained] == []


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_last_line_of_a_benchmark_is_json_with_the_promised_keys(name, tmp_path):
    run = subprocess.run(
        [sys.executable, FOLDER / name, "--seconds", "2"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert run.returncode == 0, run.stderr
    *table, last = run.stdout.splitlines()
    found = json.loads(last)
    assert found.keys() >= KEYS[name]
    assert all(math.isfinite(found[key]) for key in KEYS[name])
    assert len(table) >= len(KEYS[name])
    if name == "record.py":  # every moment is in the files or counted as lost
        assert found["sets"] + found["lost"] >= 60
        assert found["sets"] > 0
    if name == "annotate.py":  # the server was killed twice
        assert found["lost"] == 0
        assert found["acknowledged"] > 0
    if name == "train_step.py":  # it compares two ways to the same scores
        assert found["max_abs_diff"] <= 1e-5
    assert list(tmp_path.iterdir()) == []
