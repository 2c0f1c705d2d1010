import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.web.access import MAX_SESSIONS, Access, Hosts, cookie_of, is_same_origin, name_of, one_value


def test_a_token_opens_one_session_and_is_void_then():
    access = Access()
    token = access.new_token()
    session = access.open_session(token)
    assert access.knows(session)
    assert access.open_session(token) is None


def test_a_new_token_voids_the_one_before_it_and_no_session():
    access = Access()
    session = access.open_session(access.new_token())
    first, second = access.new_token(), access.new_token()
    assert access.open_session(first) is None
    assert access.open_session(second) is not None
    assert access.knows(session)


def test_nothing_but_what_was_handed_out_is_known():
    access = Access()
    token = access.new_token()
    for guess in (None, "", token, token[:-1], "\udcff"):
        assert not access.knows(guess)
    for guess in ("", token[:-1], token + "a", "\udcff"):
        assert access.open_session(guess) is None
    assert access.link_is_unused


def test_the_oldest_session_goes_when_there_are_too_many():
    access = Access()
    sessions = [access.open_session(access.new_token()) for _ in range(MAX_SESSIONS + 1)]
    assert not access.knows(sessions[0])
    assert all(access.knows(session) for session in sessions[1:])


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:9", "LOCALHOST", "[::1]:8000", "127.0.0.1"])
def test_a_page_on_the_loopback_answers_to_the_names_of_the_loopback(host):
    assert Hosts("127.0.0.1").allow(host)


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example:8000",
        "127.0.0.1.evil.example",
        "192.168.1.5:8000",
        "127.0.0.1@evil.example",
        "[",
        "a:b",
    ],
)
def test_a_page_on_the_loopback_answers_to_no_other_name(host):
    assert not Hosts("127.0.0.1").allow(host)


def test_a_page_on_the_network_answers_to_addresses_and_to_no_name_that_could_be_rebound():
    hosts = Hosts("0.0.0.0")
    assert hosts.allow("192.168.1.5:8000")
    assert not hosts.allow("evil.example:8000")
    assert Hosts("lab-pc").allow("lab-pc:8000")


@given(st.text(max_size=40) | st.text(alphabet="aA.:[]@%/;0", max_size=12))
def test_any_text_is_a_host_name_or_none(text):
    name = name_of(text)
    assert name is None or (name and set(name) <= set(string.ascii_lowercase + string.digits + "._-:"))


def test_an_origin_is_the_same_only_with_scheme_and_port():
    assert is_same_origin("http://127.0.0.1:80", "127.0.0.1:80")
    for origin in ("null", "https://127.0.0.1:80", "http://127.0.0.1:81", "http://127.0.0.1:80.evil.example"):
        assert not is_same_origin(origin, "127.0.0.1:80")


def test_a_header_that_comes_twice_counts_as_none():
    assert one_value([(b"host", b"a")], b"host") == "a"
    assert one_value([(b"host", b"a"), (b"host", b"a")], b"host") is None


@pytest.mark.parametrize(
    "other", ['view={"a": "b"}', "a b=c", "list=[1, 2]", "path=/", "flag", "=x", "caf\xe9=1", ""]
)
def test_a_cookie_is_found_beside_those_of_other_programs(other):
    assert cookie_of(f"{other}; study=abc", "study") == "abc"
    assert cookie_of(f"study=abc; {other}", "study") == "abc"
    assert cookie_of(other, "study") is None


def test_of_a_cookie_that_comes_twice_the_last_counts_and_its_name_counts_whole():
    assert cookie_of("study=old; study=abc==", "study") == "abc=="
    assert cookie_of("my_study=x; studies=y", "study") is None
