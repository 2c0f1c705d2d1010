from mavfer.web import limit
from mavfer.web.limit import RateLimit


def test_a_client_waits_after_its_misses_and_others_do_not():
    one = RateLimit(per_client=3, in_all=100, window_s=60)
    for _ in range(3):
        assert one.wait_s("192.0.2.1") == 0
        one.miss("192.0.2.1")
    assert 59 < one.wait_s("192.0.2.1") <= 60
    assert one.wait_s("192.0.2.2") == 0


def test_all_wait_after_too_many_misses_together():
    one = RateLimit(per_client=3, in_all=5, window_s=60)
    for k in range(5):
        one.miss(f"192.0.2.{k}")
    assert one.wait_s("198.51.100.1") > 59


def test_the_wait_ends_with_the_window():
    one = RateLimit(per_client=1, in_all=1, window_s=0)
    one.miss("a")
    assert one.wait_s("a") == 0


def test_the_addresses_of_one_house_are_one_client():
    one = RateLimit(per_client=1, in_all=100, window_s=60)
    one.miss("2001:db8:1:2::3")
    assert one.wait_s("2001:db8:1:2:ffff::9") > 0
    assert one.wait_s("2001:db8:1:3::3") == 0


def test_the_number_of_clients_that_are_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(limit, "MAX_CLIENTS", 10)
    one = RateLimit(per_client=1, in_all=1000, window_s=60)
    for k in range(100):
        one.miss(f"192.0.2.{k}")
    assert len(one._clients) == 10
    assert one.wait_s("192.0.2.99") > 0
