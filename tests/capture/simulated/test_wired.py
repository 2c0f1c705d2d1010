"""The A65 on the wire as a simulated rig has it, not switched on; tests/capture/wire films with it."""

from ipaddress import IPv4Address

from mavfer.capture.cameras import SkewedCamera, make_camera, make_clock
from mavfer.capture.rig import Rig
from mavfer.capture.simulated.wired import own_address


def test_every_process_has_an_address_of_its_own():
    pids = [*range(70_000), *range(2**22 - 70_000, 2**22)]
    addresses = [IPv4Address(own_address(pid)) for pid in pids]
    assert len(set(addresses)) == len(pids)
    assert all(address.is_loopback and address.packed[3] not in (0, 255) for address in addresses)


def test_a_camera_on_the_wire_is_read_from_a_wrong_clock_like_any_other():
    skewed = {"camera": "simulated_a65", "skew": {"offset_s": 5.0}}
    rig = Rig.model_validate({"recorders": {"thermal": skewed}, "simulated": {"wire": True}})
    clock = make_clock(rig, "thermal")
    camera = make_camera(rig.recorders["thermal"], rig=rig, subject="S01", seconds=1, clock=clock)
    assert isinstance(camera, SkewedCamera)
