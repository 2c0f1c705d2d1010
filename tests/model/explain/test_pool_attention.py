"""tools/pool_attention.py: runs of several folds together."""

import json
import runpy
import sys
from pathlib import Path

import mavfer

TOOL = Path(mavfer.__file__).parent / "tools" / "pool_attention.py"


def pooled(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", [str(TOOL), *map(str, words)])
    return runpy.run_path(str(TOOL))["main"]()


def test_every_test_subject_counts_once_and_an_even_map_is_at_chance(monkeypatch, capsys, mran_run):
    assert pooled(monkeypatch, mran_run, mran_run, "--clips", 5) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (found["n_runs"], found["n_subjects"]) == (2, 5)
    streams = found["attention_over_chance"]["valence"]
    told = [one["weight"]["value"] for one in streams.values() if one["area"] > 0]
    assert all(0.7 < value < 1.4 for value in told)  # untrained: nearly even


def test_what_cannot_be_pooled_is_said_in_one_line(monkeypatch, capsys, mran_run, cnn_run, tmp_path):
    for words in ((mran_run, cnn_run, "--clips", 1), (tmp_path,)):
        assert pooled(monkeypatch, *words) == 1
        assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")
