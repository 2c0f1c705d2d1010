"""Cards, routes, buffers and firewalls, read from folders laid out as Linux lays them."""

import json

import pytest

from mavfer.doctor.asked import Asked
from mavfer.doctor.firewall import check_firewall, check_host, read_firewall
from mavfer.doctor.machine import Untold
from mavfer.doctor.network import Card, check_card, checks, read_cards, read_route
from mavfer.doctor.windows import WindowsCard, parse_windows

ROUTES = """Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
eth1\t0000FEA9\t00000000\t0001\t0\t0\t1000\t0000FFFF\t0\t0\t0
eth2\t0005A8C0\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
"""
"""192.168.1.0/24 at eth0 with a default route, 169.254.0.0/16 at eth1, one that is down; little-endian."""


def asked(drawn, *, addresses=(), kinds=("flir_a65",), use="record"):
    """Return what is asked of a drawn machine by a rig with a thermal camera."""
    return Asked(use=use, machine=drawn.machine, kinds=kinds, addresses=addresses)


def looked_at(what):
    """Return {name: finding} of all that is looked at."""
    found = {}
    for check in checks(what):
        answer = check.look()
        found |= {one.name: one for one in ([answer] if hasattr(answer, "state") else answer)}
    return found


def test_only_real_ethernet_cards_are_cards(drawn):
    drawn.card("eth0", mtu=9000, speed=2500)
    drawn.card("eth1", mtu=1500, speed=-1, state="down")
    drawn.card("docker0", physical=False)
    drawn.card("lo", physical=False)
    (drawn.root / "sys/class/net/eth0").resolve()
    assert read_cards(drawn.machine) == (Card("eth0", 9000, 2500), Card("eth1", 1500, None, up=False))


def test_a_card_of_a_gige_camera_wants_large_packets_and_a_gigabit(drawn):
    drawn.card("eth0", mtu=1500, speed=100)
    found = looked_at(asked(drawn))
    assert found["card eth0"].state == "warn"
    assert "1000 Mbit/s" in found["card eth0"].wanted
    assert found["MTU of eth0"].state == "warn"
    assert found["MTU of eth0"].mend == "sudo ip link set dev eth0 mtu 9000"


def test_a_card_with_large_packets_is_ok(drawn):
    drawn.card("eth0", mtu=9000)
    found = looked_at(asked(drawn))
    assert found["card eth0"].state == "ok"
    assert "MTU of eth0" not in found


def test_nobody_who_films_without_a_gige_camera_is_bothered(drawn):
    drawn.card("eth0", mtu=1500, speed=100)
    drawn.write("proc/sys/net/core/rmem_max", 212992)
    for what in (asked(drawn, kinds=("webcam",)), Asked(machine=drawn.machine)):
        assert {one.state for one in looked_at(what).values()} == {"not needed"}


def test_only_the_card_of_the_cameras_subnet_is_judged(drawn):
    drawn.card("eth0", mtu=1500)
    drawn.card("eth1", mtu=1500)
    drawn.write("proc/net/route", ROUTES)
    found = looked_at(asked(drawn, addresses=("169.254.7.20",)))
    assert found["camera 169.254.7.20"].state == "ok"
    assert found["card eth0"].state == "not needed"
    assert found["MTU of eth1"].state == "warn"


@pytest.mark.parametrize(
    ("address", "card", "gateway"),
    [
        ("192.168.1.77", "eth0", False),
        ("169.254.0.1", "eth1", False),
        ("10.1.2.3", "eth0", True),
        ("192.168.5.20", "eth0", True),
        ("127.0.0.1", "lo", False),
    ],
)
def test_the_longest_prefix_decides_how_an_address_is_reached(drawn, address, card, gateway):
    drawn.write("proc/net/route", ROUTES)
    route = read_route(drawn.machine, address)
    assert (route.card, route.gateway) == (card, gateway)


@pytest.mark.parametrize("table", ["", "Iface\n", "Iface\nx y z\n", "Iface\neth0\tXX\t00\t1\t0\t0\t0\tFF\n"])
def test_an_address_without_a_route_fails_with_a_way_to_make_one(drawn, table):
    drawn.write("proc/net/route", table)
    found = looked_at(asked(drawn, addresses=("192.168.5.20",)))["camera 192.168.5.20"]
    assert (found.state, found.found) == ("fail", "no route to it")
    assert "192.168.5.1/24" in found.mend


def test_a_small_receive_buffer_is_mended_for_good_by_one_line(drawn):
    drawn.write("proc/sys/net/core/rmem_max", 212992)
    drawn.write("proc/sys/net/core/rmem_default", 212992)
    found = looked_at(asked(drawn))["receive buffer"]
    assert found.state == "warn"
    assert "rmem_max = 212992" in found.found
    size = int(found.mend.split()[1].partition("=")[2])
    drawn.write("proc/sys/net/core/rmem_max", size)
    assert looked_at(asked(drawn))["receive buffer"].state == "ok"


@pytest.mark.parametrize(
    ("of_all", "own", "strict"), [(0, 0, False), (1, 0, True), (0, 1, True), (2, 1, False)]
)
def test_the_stricter_of_two_filters_counts_and_2_is_the_looser_one(drawn, of_all, own, strict):
    drawn.card("eth0", mtu=9000)
    drawn.write("proc/sys/net/ipv4/conf/all/rp_filter", of_all)
    drawn.write("proc/sys/net/ipv4/conf/eth0/rp_filter", own)
    assert ("rp_filter of eth0" in looked_at(asked(drawn))) == strict


def test_a_wireless_card_is_no_place_for_a_gige_camera():
    (found,) = check_card(Card("wlan0", 1500, None, wireless=True), wanted=True, platform="linux")
    assert (found.state, "wireless" in found.found) == ("warn", True)


def test_firewalls_show_in_their_files(drawn):
    assert read_firewall(drawn.machine) == ""
    (drawn.root / "run/firewalld").mkdir(parents=True)
    assert read_firewall(drawn.machine) == "firewalld"
    drawn.write("etc/ufw/ufw.conf", "# a comment\nENABLED=yes\nLOGLEVEL=low")
    assert read_firewall(drawn.machine) == "ufw"
    drawn.write("etc/ufw/ufw.conf", "ENABLED=no")
    assert read_firewall(drawn.machine) == "firewalld"


@pytest.mark.parametrize("firewall", ["ufw", "firewalld", "Windows Defender Firewall (Private)"])
def test_a_firewall_is_opened_for_the_camera_and_for_recorders_elsewhere(drawn, firewall):
    alone = asked(drawn)
    assert check_firewall(firewall, alone, card="").state == "not needed"
    assert check_firewall("", alone, card="eth1").state == "ok"
    found = check_firewall(firewall, alone, card="eth1")
    assert (found.state, "eth1" in found.wanted) == ("warn", True)
    shared = Asked(machine=drawn.machine, master=("10.0.0.1", 6000), elsewhere=("10.0.0.2",))
    assert "6000 to 6003" in check_firewall(firewall, shared, card="").wanted
    assert check_firewall(firewall, shared, card="").mend


def test_a_machine_without_an_address_fails():
    assert check_host("127.0.0.1").state == "ok"
    found = check_host("no-such-machine.invalid")
    assert (found.state, found.name) == ("fail", "machine no-such-machine.invalid")


def test_what_powershell_prints_is_read():
    told = {
        "kinects": 1,
        "usb": ["Intel(R) USB 3.10 eXtensible Host Controller"],
        "adapters": [
            {"Name": "Ethernet 2", "MtuSize": 1500, "Speed": 1000000000, "Up": True, "Wireless": False}
        ],
        "firewall": ["Private", "Public"],
        "time": "Running",
        "sync": "NTP",
        "power": "GUID du mode : 381b4222-f694-41f0-9685-ff5bb260df2e  (Utilisation normale)",
    }
    found = parse_windows(json.dumps(told))
    assert found.cards == (WindowsCard("Ethernet 2", 1500, 1000, True, False),)
    assert (found.n_kinects, found.power, found.time_running, found.time_sync) == (1, "balanced", True, "NTP")
    assert parse_windows('{"adapters": null, "usb": null}').cards == ()
    (_, mtu) = check_card(Card("Ethernet 2", 1500, 1000), wanted=True, platform="win32")
    assert "JumboPacket" in mtu.mend


@pytest.mark.parametrize(
    "text", ["", "[]", "Get-PnpDevice : not found", '{"kinects": "many"}', '{"adapters": [3]}']
)
def test_what_powershell_prints_else_is_no_traceback(text):
    with pytest.raises(Untold, match="PowerShell"):
        parse_windows(text)
