"""The producers' cameras: asked only on request, here a simulated A65 in a network of the test's own."""

import json
import shutil
import subprocess
import sys

from mavfer.capture.gentl.build import build_producer
from mavfer.doctor.asked import Asked
from mavfer.doctor.cameras import check_cameras, checks

from .conftest import COMMAND, refuse

SCRIPT = """
ip link set lo up
"$0" -P -m mavfer simulate-a65 --address 127.0.0.1 > said &
camera=$!
while ! grep -q '^ready' said; do kill -0 $camera || exit 9; read -r -t 0.2 _ < <(:) || :; done
"$0" -P -c "$1" --for record --rig rig.toml --cameras --wait 100 --json
status=$?
kill $camera
wait $camera
exit $status
"""


def test_nobody_is_asked_unless_it_is_wished():
    (check,) = checks(Asked(use="record"))
    (found,) = check.look()
    assert (found.state, "--cameras" in found.found) == ("not needed", True)


def test_a_camera_that_does_not_answer_matters_as_far_as_it_is_wanted():
    assert [
        check_cameras((), "no camera answers", absent=state)[0].state for state in ("fail", "not needed")
    ] == [
        "fail",
        "warn",
    ]
    assert check_cameras(("65000001  FLIR A65  free",), "", absent="fail")[0].state == "ok"


def test_the_camera_at_the_rig_files_address_is_listed(tmp_path):
    if sys.platform != "linux" or not all(map(shutil.which, ("unshare", "ip", "gcc", "pkg-config", "bash"))):
        refuse("a network of the test's own, and a producer, want unshare, ip, bash and gcc on Linux")
    cti = build_producer()
    (tmp_path / "rig.toml").write_text(
        f'[recorders.thermal]\ncamera = "flir-a65"\nflir_a65 = {{ address = "127.0.0.1", cti = "{cti}" }}\n'
    )
    words = ["unshare", "--user", "--map-root-user", "--net", "bash", "-c", SCRIPT, sys.executable, COMMAND]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    if "unshare" in done.stderr and not done.stdout:
        refuse(f"no network of the test's own can be made here: {done.stderr.strip()}")
    told = json.loads(done.stdout)
    found = {one["name"]: one for section in told["sections"] for one in section["findings"]}
    assert found["GenICam camera"]["state"] == "ok", found
    assert "free" in found["GenICam camera"]["found"]
    assert found["camera 127.0.0.1"]["state"] == "ok"
