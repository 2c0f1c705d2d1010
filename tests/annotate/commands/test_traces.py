"""`mavfer traces` and the importers, as they are typed."""

import json
import subprocess
import sys
from pathlib import Path

from mavfer.annotate.trace import read_traces


def mavfer(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "mavfer", *map(str, words)], capture_output=True, text=True, check=False
    )


def test_a_study_is_exported_checked_and_brought_in(make_study, tmp_path: Path) -> None:
    study, store = make_study(raters=1, films=1)
    nothing = mavfer("traces", "export", study.path, "--out", tmp_path / "out")
    assert nothing.returncode == 1
    assert "found none of 2; pass --all" in nothing.stderr
    one = store.assignments()[1]
    take, run = store.takes.open_run(one.id, now_ms=5, clock_ahead_ms=0, browser="b")
    events = [{"kind": "value", "t_ms": 0, "source": "start", "valence": 3}]
    events += [{"kind": "frame", "t_ms": 40 * k, "media_s": k / 25, "presented": k} for k in range(99)]
    store.takes.append(take, run, 0, json.dumps({"wall_ms": 0, "events": events}).encode(), now_ms=5)
    left = mavfer("traces", "export", study.path, "--out", tmp_path / "out")
    assert left.returncode == 1
    assert "left out: incomplete" in left.stdout
    left = mavfer("traces", "export", study.path, "--out", tmp_path / "out", "--json")
    assert left.returncode == 1
    told = json.loads(left.stdout)
    assert told["n_traces"] == 0
    assert {one["left_out_because"] for one in told["ratings"]} == {"incomplete", "not begun"}
    store.takes.finish(take, now_ms=9)
    done = mavfer("traces", "export", study.path, "--out", tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, "")
    assert "left out: not begun" in done.stdout
    assert "wrote 1 trace of 1 rating, 1 left out: " in done.stdout
    assert (read_traces(tmp_path / "out", "take1")[0].value == 3).all()
    again = mavfer("traces", "export", study.path, "--out", tmp_path / "out")
    assert again.returncode == 1
    assert "--overwrite" in again.stderr
    assert mavfer("traces", "check", tmp_path / "out").returncode == 0
    told = json.loads(mavfer("traces", "export", study.path, "--out", tmp_path / "json", "--json").stdout)
    (rating,) = [one for one in told["ratings"] if one["written"]]
    assert (told["n_traces"], rating["rater"], rating["dimension"]) == (1, "rater1", "valence")
    row = next(line.split() for line in done.stdout.splitlines() if " written " in line)
    assert row[4:6] == [str(rating["n_shown"]), str(rating["n_skipped"])]
    assert rating["complete"]
    brought = mavfer("traces", "import", tmp_path / "out", "--out", tmp_path / "own", "--json")
    assert brought.returncode == 0
    (trace,) = json.loads(brought.stdout)["traces"]
    assert (trace["session"], trace["mean"], trace["n_missing"]) == ("take1", 3, 0)
    (tmp_path / "own" / "take1.rater1.valence.events.json").write_text("{}")
    damaged = mavfer("traces", "check", tmp_path / "own")
    assert damaged.returncode == 1
    assert "1 of 1 traces are damaged" in damaged.stderr
    refused = mavfer("traces", "import", tmp_path / "own", "--out", tmp_path / "third")
    assert refused.returncode == 1
    assert len(refused.stderr.splitlines()) == 1
    assert not (tmp_path / "third").exists()


def test_ratings_of_another_tool_are_imported_and_the_odd_one_named(tmp_path: Path) -> None:
    head = (
        "Time of Rating,x\nMultimedia File,clip.mp4\nMinimum Value,-1\nMaximum Value,1\nSecond,Rating\n%,%\n"
    )
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "clip_anna.csv").write_text(head + "1,-0.5\n2,1")
    (tmp_path / "in" / "clip_bo.csv").write_text(head + "1,-0.5\n2,x")
    options = ("--out", tmp_path / "out", "--named", "{session}_{rater}", "--dimension", "arousal")
    done = mavfer("import", "carma", tmp_path / "in", *options)
    assert done.returncode == 1
    assert "imported 1 traces" in done.stdout
    assert done.stderr.count("\n") == 1
    assert "found 'x' in line 8" in done.stderr
    assert list(read_traces(tmp_path / "out", "clip")[0].value) == [-5, 10]
    done = mavfer("import", "carma", tmp_path / "in", *options, "--overwrite", "--json")
    assert done.returncode == 1
    told = json.loads(done.stdout)
    ((rater, mean),) = [(one["rater"], one["mean"]) for one in told["traces"]]
    assert (rater, mean) == ("anna", 2.5)
    assert ["found 'x' in line 8" in one for one in told["problems"]] == [True]
    misused = mavfer("import", "darma", tmp_path / "in", "--out", tmp_path / "d", "--x", "valence")
    assert misused.returncode == 2
