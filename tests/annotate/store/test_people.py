"""Raters, their links and their logins: who may ask, and for how long."""

import threading

import pytest

from mavfer.annotate.store.access import DAY_MS, LINK_DAYS, LOGIN_DAYS
from mavfer.annotate.store.records import Conflict, Identity, Unknown
from mavfer.errors import StudyError


def test_raters_come_back_in_the_order_in_which_they_were_added(store):
    names = [f"r{k}" for k in (3, 10, 2, 1, 11)]
    added = [store.add_rater(name, team=1 + k % 2) for k, name in enumerate(names)]
    assert store.raters() == tuple(added)
    assert [rater.name for rater in store.raters()] == names


@pytest.mark.parametrize("twin", ["Anna_1", "ANNA_1", "anna_1"])
def test_a_name_is_one_rater_in_whatever_letters(store, twin):
    store.add_rater("Anna_1", team=1)
    other = store.add_rater("Ben", team=1)
    for attempt in (lambda: store.add_rater(twin, team=2), lambda: store.rename_rater(other.id, twin)):
        with pytest.raises(StudyError, match=f"free, found '{twin}'"):
            attempt()
    assert [rater.name for rater in store.raters()] == ["Anna_1", "Ben"]


@pytest.mark.parametrize("name", ["", "a" * 41, "Zoë", "a b", "../a", "a\n", "a\x00", "ſ", "\ud800"])
def test_a_name_is_letters_digits_dash_and_underscore(store, name):
    with pytest.raises(StudyError, match="wanted a rater's name of 1 to 40 letters"):
        store.add_rater(name, team=1)
    assert store.raters() == ()


@pytest.mark.parametrize("team", [0, -1, 21, 2**40])
def test_a_team_is_a_small_number_from_1(store, team):
    with pytest.raises(StudyError, match="wanted a team from 1 to 20"):
        store.add_rater("anna", team=team)


def test_a_rater_may_be_renamed_in_other_letters_of_the_same_name(store):
    rater = store.add_rater("anna", team=1)
    store.rename_rater(rater.id, "Anna")
    assert store.raters()[0].name == "Anna"


def test_what_is_noted_of_a_rater_is_there_after_reopening(open_store):
    first = open_store()
    rater = first.add_rater("anna", team=2)
    first.note_clock(rater.id, -86_400_000)
    first.confirm_instructions(rater.id)
    first.close()
    found = open_store().raters()[0]
    assert (found.id, found.team, found.clock_ahead_ms) == (rater.id, 2, -86_400_000)
    assert found.read_ms is not None


def test_nothing_can_be_noted_of_a_rater_who_is_not_there(store):
    for attempt in (
        lambda: store.note_clock("0" * 16, 1),
        lambda: store.rename_rater("0" * 16, "b"),
        lambda: store.set_active("0" * 16, False),
        lambda: store.confirm_instructions("0" * 16),
        lambda: store.access.new_link("0" * 16, now_ms=0),
    ):
        with pytest.raises(Unknown, match="no such rater"):
            attempt()


def test_a_link_opens_one_login_and_only_one(store):
    rater = store.add_rater("anna", team=1)
    token = store.access.new_link(rater.id, now_ms=0)
    secret = store.access.redeem(token, now_ms=1)
    assert store.access.identify(secret, now_ms=2) == Identity(rater.id)
    assert store.access.redeem(token, now_ms=2) is None
    assert store.access.identify(token, now_ms=2) is None


def test_of_many_who_redeem_a_link_at_once_one_gets_in(store):
    token = store.access.new_link(store.add_rater("anna", team=1).id, now_ms=0)
    start, got = threading.Barrier(8), []

    def redeem() -> None:
        start.wait()
        got.append(store.access.redeem(token, now_ms=1))

    threads = [threading.Thread(target=redeem) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([secret for secret in got if secret]) == 1


def test_a_new_link_voids_the_unused_one_of_that_rater_alone(store):
    anna, ben = (store.add_rater(name, team=1).id for name in ("anna", "ben"))
    old, other, owner = (store.access.new_link(who, now_ms=0) for who in (anna, ben, None))
    new = store.access.new_link(anna, now_ms=1)
    assert store.access.redeem(old, now_ms=2) is None
    assert all(store.access.redeem(token, now_ms=2) for token in (new, other, owner))


def test_links_and_logins_end(store):
    token = store.access.new_link(None, now_ms=0)
    assert store.access.redeem(token, now_ms=LINK_DAYS * DAY_MS) is None
    secret = store.access.redeem(token, now_ms=LINK_DAYS * DAY_MS - 1)
    end_ms = LINK_DAYS * DAY_MS - 1 + LOGIN_DAYS * DAY_MS
    assert store.access.identify(secret, now_ms=end_ms - 1) == Identity(None)
    assert store.access.identify(secret, now_ms=end_ms) is None
    assert store.access.clean(now_ms=end_ms - 1) == 1
    assert store.access.clean(now_ms=end_ms) == 1


def test_who_logs_out_is_out(store):
    secrets = [store.access.redeem(store.access.new_link(None, now_ms=k), now_ms=k) for k in range(2)]
    store.access.delete_login(secrets[0])
    store.access.delete_login("never was")
    assert [store.access.identify(one, now_ms=9) for one in secrets] == [None, Identity(None)]


def test_a_rater_who_has_left_is_out_and_comes_back_only_by_a_new_link(store):
    rater = store.add_rater("anna", team=1).id
    secret = store.access.redeem(store.access.new_link(rater, now_ms=0), now_ms=0)
    unused = store.access.new_link(rater, now_ms=0)
    store.set_active(rater, False)
    assert store.access.identify(secret, now_ms=1) is None
    assert store.access.redeem(unused, now_ms=1) is None
    with pytest.raises(Conflict, match="has left"):
        store.access.new_link(rater, now_ms=1)
    store.set_active(rater, True)
    assert store.access.identify(secret, now_ms=2) is None
    assert store.access.redeem(unused, now_ms=2) is None
    assert store.access.redeem(store.access.new_link(rater, now_ms=2), now_ms=3)


@pytest.mark.parametrize("secret", [None, "", "x", "\ud800", "a\x00b", "ä" * 5000])
def test_a_secret_that_nobody_was_given_is_nobodys(store, secret):
    assert store.access.identify(secret, now_ms=0) is None
    assert store.access.redeem(secret or "", now_ms=0) is None


def test_no_secret_stands_in_the_database(open_store, tmp_path, database_url):
    store = open_store()
    token = store.access.new_link(None, now_ms=0)
    secret = store.access.redeem(token, now_ms=0)
    store.close()
    if database_url.startswith("sqlite"):
        stored = b"".join(path.read_bytes() for path in tmp_path.glob("study.sqlite*"))
        assert token.encode() not in stored
        assert secret.encode() not in stored
    else:
        import psycopg

        with psycopg.connect(database_url) as connection:
            stored = str(connection.execute("SELECT * FROM links, logins").fetchall())
        assert token not in stored
        assert secret not in stored
