"""Laws of forgetting: nothing of the subject is left, all of the others is, and what stays is said."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mavfer.annotate.store.store import Store
from mavfer.annotate.study.study import open_study
from mavfer.annotate.trace import read_traces
from mavfer.capture.session import open_session
from mavfer.preprocess.dataset.checking import check_dataset
from mavfer.preprocess.dataset.record import read_record
from mavfer.privacy.forget import Wishes, forget, plan_to_forget
from mavfer.privacy.journal import write_journals
from mavfer.privacy.plan import ForgetError
from mavfer.privacy.record import ForgetReport, write_report

Left = Callable[..., list[Path]]


def forgotten(*roots: Path, subject: str = "kestrel1", **wishes: object) -> ForgetReport:
    return forget(plan_to_forget(subject, roots, Wishes(**wishes)))  # pyright: ignore[reportArgumentType]


def bytes_of(*roots: Path) -> dict[Path, str]:
    """The hash of every file, and which folders and links there are."""
    found = {}
    for root in roots:
        for path in sorted(root.rglob("*")):
            plain = path.is_file() and not path.is_symlink()
            found[path] = hashlib.sha256(path.read_bytes()).hexdigest() if plain else ""
    return found


def test_no_byte_of_the_subject_is_left_and_the_others_are_whole(
    sessions: Path, ratings: Path, dataset: Path, study: Path, tmp_path: Path, left: Left
):
    lab = tmp_path / "lab"
    others = [sessions / name for name in ("kestrel10-a", "heron2-a")]
    before = bytes_of(*others)
    assert left(lab)
    report = forgotten(lab)
    assert left(lab) == []
    assert sorted(line.kind for line in report.lines) == ["dataset", "ratings", "session", "study", "table"]
    assert bytes_of(*others) == before
    assert [open_session(path).record.subject for path in others] == ["kestrel10", "heron2"]
    assert len(read_traces(ratings, "kestrel10-a")) == 1
    assert check_dataset(dataset).problems == ()
    record = read_record(dataset)
    assert [entry.subject for entry in record.built] == ["kestrel10", "heron2"]
    assert record.scheme().subjects == {"kestrel10": "test", "heron2": "train"}
    assert record.scheme("folds").folds == {"kestrel10": 1, "heron2": 2}
    assert (dataset / "subjects.csv").read_text() == "subject,sex\nkestrel10,male\nheron2,female\n"
    assert "kestrel10-a" in (dataset / "report.html").read_text()
    opened = open_study(study)
    with Store(opened.database_url, study_id=opened.config.id, key=opened.key()) as store:
        assert {one.session for one in store.videos()} == {"practice", "kestrel10-a", "heron2-a"}
        assert [one.name for one in store.raters()] == ["anna"]
        assert {one.state for one in store.assignments()} == {"complete"}
        assert len(list(opened.videos.iterdir())) == 2 * len(store.videos())


def test_a_plan_changes_nothing_and_says_the_same_as_what_is_done(
    sessions: Path, ratings: Path, study: Path, tmp_path: Path
):
    before = bytes_of(tmp_path)
    planned = plan_to_forget("kestrel1", [tmp_path / "lab"], Wishes()).report()
    assert bytes_of(tmp_path) == before
    assert planned.dry_run
    done = forgotten(tmp_path / "lab")
    assert done.lines == planned.lines
    assert done.n_bytes > 100_000
    assert not (sessions / "kestrel1-a").exists()
    assert ratings.is_dir()
    assert study.is_dir()


def test_what_was_forgotten_is_not_known_any_more(ratings: Path, dataset: Path, tmp_path: Path):
    forgotten(tmp_path / "lab")
    with pytest.raises(ForgetError, match=r"found nothing of 'kestrel1'; is 'kestrel10' meant\?"):
        plan_to_forget("kestrel1", [ratings, dataset], Wishes())


def test_a_session_is_not_a_subject(sessions: Path):
    with pytest.raises(ForgetError, match=r"found the session 'heron2-a' of subject 'heron2'; name that"):
        plan_to_forget("heron2-a", [sessions], Wishes())


def test_letters_of_either_case_are_one_person(ratings: Path, dataset: Path, tmp_path: Path, left: Left):
    forgotten(tmp_path / "lab", subject="KESTREL1")
    assert left(dataset, ratings) == []


def test_without_a_record_of_who_was_filmed_the_session_can_be_named(ratings: Path, left: Left):
    with pytest.raises(ForgetError, match=r"name it with --session"):
        plan_to_forget("kestrel1", [ratings], Wishes())
    forgotten(ratings, sessions=["kestrel1-a"])
    assert left(ratings) == []
    assert len(read_traces(ratings, "heron2-a")) == 1


def test_a_session_id_that_two_subjects_share_removes_no_rating_by_itself(
    sessions: Path, ratings: Path, tmp_path: Path
):
    other = tmp_path / "lab" / "another-study" / "kestrel1-a"
    shutil.copytree(sessions / "heron2-a", other)
    text = (other / "session.toml").read_text().replace('id = "heron2-a"', 'id = "kestrel1-a"')
    (other / "session.toml").write_text(text)
    report = forgotten(tmp_path / "lab")
    assert not (sessions / "kestrel1-a").exists()
    assert other.exists()
    assert len(read_traces(ratings, "kestrel1-a")) == 1
    assert any("pass --session kestrel1-a" in stay.do for stay in report.stays)


def test_a_session_whose_record_is_gone_is_told_by_its_files(sessions: Path, left: Left):
    (sessions / "kestrel1-a" / "session.toml").unlink()
    assert [line.kind for line in forgotten(sessions).lines] == ["session"]
    assert left(sessions) == []
    assert (sessions / "kestrel10-a").is_dir()


def test_a_dataset_that_was_merged_under_a_prefix_is_recognised_by_its_recordings(
    dataset: Path, second_dataset: Path, tmp_path: Path, left: Left
):
    from mavfer.preprocess.exchange.merge import merge_datasets

    merged = tmp_path / "lab" / "merged"
    merge_datasets([dataset, second_dataset], out=merged, prefixes=("one", "two"))
    report = forgotten(tmp_path / "lab")
    assert report.also_named == ("one-kestrel1",)
    assert left(tmp_path / "lab", name=".*kestrel1") == []
    assert check_dataset(merged).problems == check_dataset(dataset).problems == ()
    assert {entry.subject for entry in read_record(merged).built} == {
        "one-kestrel10",
        "one-heron2",
        "two-wren3",
    }


def test_a_build_that_has_not_ended_loses_the_subject(dataset: Path, tmp_path: Path, left: Left):
    import tomlkit

    build = tmp_path / "lab" / ".next.building"
    (build / "finished").mkdir(parents=True)
    for entry in read_record(dataset).built:
        table = tomlkit.dumps(entry.model_dump(mode="json", exclude_none=True))
        (build / "finished" / f"{entry.id}.toml").write_text(table)
        shutil.copy(dataset / f"{entry.id}.h5", build)
    forgotten(tmp_path / "lab")
    assert left(tmp_path / "lab") == []
    assert sorted(path.name for path in build.glob("*.h5")) == ["heron2-a.h5", "kestrel10-a.h5"]


def test_links_are_not_followed_and_other_names_of_a_file_are_told(sessions: Path, tmp_path: Path):
    outside = tmp_path / "outside"
    shutil.copytree(sessions / "kestrel1-a", outside / "kestrel1-a")
    (sessions / "away").symlink_to(outside)
    (sessions / "inside").symlink_to(sessions / "kestrel1-a")
    file = next((sessions / "kestrel1-a").glob("thermal*.mcap"))
    os.link(file, outside / "kept.mcap")
    shutil.copy(file, sessions / "second.mcap")
    before = bytes_of(outside)
    report = forgotten(sessions)
    assert bytes_of(outside) == before
    assert not (sessions / "inside").is_symlink()
    assert (sessions / "away").is_symlink()
    whys = "\n".join(f"{stay.path}: {stay.why}" for stay in report.stays)
    assert "a link out of the places" in whys
    assert "1 more name (hard links) outside" in whys
    assert f"second.mcap: a copy of {file}" in whys
    assert (sessions / "second.mcap").exists()


def test_files_that_mavfer_cannot_read_stay_unless_they_are_asked_for(dataset: Path, left: Left):
    notes = dataset / "notes.txt"
    notes.write_text("kestrel1 was late; kestrel10 was not\n")
    about_others = dataset / "others.txt"
    about_others.write_text("kestrel10, kestrel1-x and heron2\n".replace("kestrel1-x", "heron2-a"))
    planned = plan_to_forget("kestrel1", [dataset], Wishes())
    assert [Path(stay.path).name for stay in planned.plan.stays if "names" in stay.why] == ["notes.txt"]
    forgotten(dataset, others_too=True)
    assert left(dataset) == []
    assert about_others.exists()
    assert not notes.exists()


def test_a_folder_that_holds_somebody_else_s_session_is_refused(sessions: Path, tmp_path: Path):
    shutil.move(sessions / "heron2-a", sessions / "kestrel1-a" / "heron2-a")
    before = bytes_of(tmp_path)
    with pytest.raises(ForgetError, match=r"found heron2-a/session.toml in it, which may be others'"):
        plan_to_forget("kestrel1", [sessions], Wishes())
    assert bytes_of(tmp_path) == before


def test_the_report_may_name_the_subject_and_is_left_alone(dataset: Path, sessions: Path, left: Left):
    pages = [sessions / "forgotten.html", sessions / "forgotten.json"]
    report = forgotten(dataset, sessions)
    for page in pages:
        write_report(page, report)
    assert left(sessions, dataset, but=tuple(pages)) == []
    report = forgotten(dataset, sessions, subject="kestrel10")
    assert all(page.exists() for page in pages)
    assert [stay for stay in report.stays if "forgotten" in stay.path] == []


def test_hostile_names_and_damaged_records_are_lines_and_no_traceback(dataset: Path, tmp_path: Path):
    lab = tmp_path / "lab"
    odd = Path(os.fsdecode(os.fsencode(lab) + b"/kestrel1-\xff\n.txt"))
    odd.write_text("x")
    for name in (
        "dataset.toml",
        "session.toml",
        "run.toml",
        "evaluation.json",
        "explain.json",
        "prediction.toml",
    ):
        folder = lab / f"damaged-{name}"
        folder.mkdir()
        (folder / name).write_bytes(b"\xff[ {")
    (lab / "odd.csv").write_bytes(b"subject,\xff\nkestrel1,\x00\n")
    report = forgotten(lab)
    write_report(tmp_path / "r.html", report)
    write_report(tmp_path / "r.json", report)
    stays = [stay.path for stay in report.stays]
    assert all(path.isprintable() for path in stays)
    for name in ("dataset.toml", "run.toml", "evaluation.json", "explain.json", "prediction.toml"):
        assert any(path.endswith(name) for path in stays), name
    assert check_dataset(dataset).problems == ()


def test_a_place_may_be_a_session_itself_and_is_not_missed_when_a_call_was_interrupted(
    sessions: Path, ratings: Path, tmp_path: Path, left: Left
):
    places = (sessions / "kestrel1-a", ratings)
    begun = plan_to_forget("kestrel1", places, Wishes())
    assert len(write_journals(begun.plan, begun.person, begun.journal)) == 2
    shutil.rmtree(sessions / "kestrel1-a")  # and then the power failed
    report = forgotten(*places)
    assert [line.kind for line in report.lines] == ["session", "ratings"]
    assert left(tmp_path / "lab") == []
    assert list((tmp_path / "lab").rglob(".forg*")) == []


def test_who_is_alone_in_a_dataset_leaves_an_empty_one(second_dataset: Path):
    forgotten(second_dataset, subject="wren3")
    assert check_dataset(second_dataset).problems == ()
    assert read_record(second_dataset).built == ()
    assert "No session is in this dataset" in (second_dataset / "report.html").read_text()
