"""Takes and their chunks: stored once, in order, byte for byte, and never after the end."""

import threading

import pytest

from mavfer.annotate.store.records import Assignment, Conflict, StudyError, Unknown, Video
from mavfer.annotate.study.study import new_id

OPEN = {"now_ms": 5, "clock_ahead_ms": 0, "browser": "a browser"}


def at_once(*functions):
    """Call functions in threads of their own, all at once; return what each returned or raised."""
    start, got = threading.Barrier(len(functions)), [None] * len(functions)

    def run(k):
        start.wait()
        try:
            got[k] = functions[k]()
        except StudyError as error:
            got[k] = error

    threads = [threading.Thread(target=run, args=(k,)) for k in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return got


def test_chunks_come_back_byte_for_byte_in_the_order_of_runs_and_numbers(store, assigned):
    take, first = store.takes.open_run(assigned.id, **OPEN)
    bodies = {(first, 1): b"\x00\xff'; --", (first, 0): b"{}", (first + 1, 0): bytes(range(256)) * 200}
    assert store.takes.open_run(assigned.id, **OPEN) == (take, first + 1)
    for (run, number), body in bodies.items():
        assert store.takes.append(take, run, number, body, now_ms=7) == first + 1
    found = store.takes.chunks(take)
    assert [(one.run, one.number, one.body) for one in found] == [
        (*key, bodies[key]) for key in sorted(bodies)
    ]
    assert {one.received_ms for one in found} == {7}


def test_storing_a_chunk_again_changes_nothing_and_other_content_is_refused(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)
    for when in (1, 2, 3):
        store.takes.append(take, run, 0, b"one", now_ms=when)
    with pytest.raises(Conflict, match="chunk 0 of run 0 is stored with other content"):
        store.takes.append(take, run, 0, b"two", now_ms=4)
    assert [(one.body, one.received_ms) for one in store.takes.chunks(take)] == [(b"one", 1)]


def test_of_a_chunk_sent_by_many_at_once_one_content_is_kept(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)

    def send(body):
        return lambda: store.takes.append(take, run, 0, body, now_ms=0)

    got = at_once(*(send(b"%d" % (k % 2)) for k in range(8)))
    kept = store.takes.chunks(take)
    assert len(kept) == 1
    assert [isinstance(one, Conflict) for one in got] == [kept[0].body != b"%d" % (k % 2) for k in range(8)]


def test_windows_that_open_a_take_at_once_get_runs_of_their_own_of_one_take(store, assigned):
    got = at_once(*[lambda: store.takes.open_run(assigned.id, **OPEN)] * 8)
    assert len({take for take, _ in got}) == 1
    assert sorted(run for _, run in got) == list(range(8))


def test_no_chunk_lands_in_a_take_that_is_over(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)
    store.takes.append(take, run, 0, b"one", now_ms=0)
    store.takes.finish(take, now_ms=1)
    store.takes.finish(take, now_ms=2)
    assert store.assignments()[0].finished_ms == 1
    assert store.takes.append(take, run, 0, b"one", now_ms=3) == run  # its answer was lost on the way
    with pytest.raises(Conflict, match="this take is over"):
        store.takes.append(take, run, 1, b"late", now_ms=3)
    with pytest.raises(Conflict, match="rated completely"):
        store.takes.open_run(assigned.id, **OPEN)
    with pytest.raises(Conflict, match="rated completely"):
        store.takes.discard(take)
    assert len(store.takes.chunks(take)) == 1


def test_chunks_that_race_with_the_end_are_acknowledged_only_if_stored(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)

    def send(number):
        return lambda: store.takes.append(take, run, number, b"x", now_ms=0)

    got = at_once(*(send(k) for k in range(6)), lambda: store.takes.finish(take, now_ms=1))
    acknowledged = {k for k in range(6) if got[k] == run}
    assert {one.number for one in store.takes.chunks(take)} == acknowledged


def test_a_discarded_take_stays_stored_and_the_next_one_begins_anew(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)
    store.takes.append(take, run, 0, b"one", now_ms=0)
    store.takes.discard(take)
    store.takes.discard(take)
    assert store.assignments()[0].state == "waiting"
    with pytest.raises(Conflict, match="discarded"):
        store.takes.finish(take, now_ms=1)
    again, run = store.takes.open_run(assigned.id, **OPEN)
    assert (again != take, run) == (True, 0)
    assert [one.body for one in store.takes.chunks(take)] == [b"one"]
    assert store.takes.discarded(assigned.id) == (take,)


def test_the_owner_lets_a_complete_video_be_rated_again(store, assigned):
    take, _ = store.takes.open_run(assigned.id, **OPEN)
    store.takes.finish(take, now_ms=1)
    store.takes.reopen(assigned.id)
    assert store.assignments()[0].state == "waiting"
    store.takes.reopen(assigned.id)
    assert store.takes.open_run(assigned.id, **OPEN)[0] != take
    assert store.takes.discarded(assigned.id) == (take,)


def test_one_assignment_is_what_it_is_among_all_and_a_take_that_counts_no_more_leads_to_none(store, assigned):
    take, _ = store.takes.open_run(assigned.id, **OPEN)
    (listed,) = store.assignments()
    assert (listed.state, listed.take) == ("open", take)
    assert store.assignment(assigned.id, rater=assigned.rater) == listed
    assert store.assignment_of_take(take, rater=assigned.rater) == listed
    assert store.rater(assigned.rater) == store.raters()[0]
    store.takes.discard(take)
    with pytest.raises(Unknown, match="no such take"):
        store.assignment_of_take(take)
    assert store.assignment(assigned.id).state == "waiting"


def test_chunks_are_counted_as_they_are_stored(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)
    assert store.takes.n_chunks(take) == 0
    for number in (0, 2, 2):
        store.takes.append(take, run, number, b"x", now_ms=0)
    assert store.takes.n_chunks(take) == len(store.takes.chunks(take)) == 2


def test_what_is_not_there_is_unknown(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)
    for attempt in (
        lambda: store.takes.open_run("0" * 16, **OPEN),
        lambda: store.takes.reopen("0" * 16),
        lambda: store.takes.append("0" * 16, 0, 0, b"", now_ms=0),
        lambda: store.takes.append(take, run + 1, 0, b"", now_ms=0),
        lambda: store.takes.finish("0" * 16, now_ms=0),
        lambda: store.takes.discard("0" * 16),
        lambda: store.remove_video("0" * 16),
        lambda: store.rater("0" * 16),
        lambda: store.assignment("0" * 16),
        lambda: store.assignment(assigned.id, rater="0" * 16),
        lambda: store.assignment_of_take("0" * 16),
        lambda: store.assignment_of_take(take, rater="0" * 16),
    ):
        with pytest.raises(Unknown, match="there is no"):
            attempt()
    assert store.takes.chunks("0" * 16) == ()
    assert store.takes.runs("0" * 16) == ()


def test_a_run_keeps_when_and_by_what_it_was_opened(store, assigned):
    take, _ = store.takes.open_run(assigned.id, now_ms=9, clock_ahead_ms=-(10**13), browser="x" * 1000)
    (run,) = store.takes.runs(take)
    assert (run.number, run.opened_ms, run.clock_ahead_ms, run.browser) == (0, 9, -(10**13), "x" * 300)


def test_a_video_is_removed_with_its_assignments_unless_somebody_has_begun(store, assigned):
    other = Video(new_id(), "other", False, 1.0, "1" * 64)
    store.add_video(other)
    store.add_assignments([Assignment(new_id(), assigned.rater, other.id, "valence", 1)])
    store.remove_video(other.id)
    assert [one.id for one in store.assignments()] == [assigned.id]
    take, _ = store.takes.open_run(assigned.id, **OPEN)
    store.takes.discard(take)
    with pytest.raises(Conflict, match="begun"):
        store.remove_video(assigned.video)
    with pytest.raises(Conflict, match="begun"):
        store.remove_assignments([assigned.id])
    assert [one.id for one in store.videos()] == [assigned.video]


def test_assignments_are_added_all_or_none(store, assigned):
    other = Video(new_id(), "other", True, 1.0, "1" * 64)
    store.add_video(other)
    good = Assignment(new_id(), assigned.rater, other.id, "valence", 1)
    for bad in (
        Assignment(new_id(), assigned.rater, assigned.video, "arousal", 1),
        Assignment(new_id(), assigned.rater, assigned.video, "valence", 2),
        Assignment(new_id(), "0" * 16, assigned.video, "valence", 2),
        Assignment(new_id(), assigned.rater, "0" * 16, "valence", 2),
    ):
        with pytest.raises(StudyError, match="none was added"):
            store.add_assignments([good, bad])
    store.add_assignments([])
    assert [one.id for one in store.assignments()] == [assigned.id]
    store.add_assignments([good])
    store.remove_assignments([good.id])
    assert [one.id for one in store.assignments(rater=assigned.rater)] == [assigned.id]


def test_the_practice_film_comes_first_and_the_others_as_they_were_added(store):
    sessions = ["c", "a", "practice", "b"]
    for name in sessions:
        store.add_video(Video(new_id(), name, name == "practice", 1.5, "0" * 64))
    assert [one.session for one in store.videos()] == ["practice", "c", "a", "b"]
    with pytest.raises(StudyError, match="wanted a new session, found 'a'"):
        store.add_video(Video(new_id(), "a", False, 1.0, "0" * 64))


def test_sizes_count_what_is_stored(store, assigned):
    take, run = store.takes.open_run(assigned.id, **OPEN)
    for number in range(3):
        store.takes.append(take, run, number, b"x" * 100, now_ms=0)
    store.takes.finish(take, now_ms=0)
    found = store.sizes()
    assert (found.n_raters, found.n_videos, found.n_assignments) == (1, 1, 1)
    assert (found.n_takes, found.n_complete, found.n_discarded) == (1, 1, 0)
    assert (found.n_chunks, found.chunk_bytes) == (3, 300)
    assert store.complaints() == ()
