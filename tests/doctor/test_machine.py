"""Clocks, processor, memory, cards and terminals: facts in, findings out; and what this machine tells."""

import re
import sys

import pytest

from mavfer.doctor import clocks, graphics, processor, terminal
from mavfer.doctor.asked import Asked
from mavfer.doctor.machine import Machine, Untold, quoted, system_install

NS = 1e-9


def test_a_slow_clock_source_is_replaced_by_the_better_one_that_is_there():
    found = clocks.check_source("hpet", ("tsc", "hpet", "acpi_pm"), resolution_s=NS)
    assert found.state == "warn"
    assert found.mend.startswith("echo tsc | sudo tee /sys/devices/system/clocksource")
    without = clocks.check_source("acpi_pm", ("acpi_pm",), resolution_s=NS)
    assert (without.state, without.mend) == ("warn", "")
    assert "dmesg" in without.advice


@pytest.mark.parametrize("source", ["tsc", "kvm-clock", "arch_sys_counter"])
def test_a_processors_counter_is_ok(source):
    assert clocks.check_source(source, (source,), resolution_s=NS).state == "ok"


def test_without_a_name_of_its_source_a_clock_is_judged_by_its_steps():
    assert clocks.check_source("", (), resolution_s=1e-7).state == "ok"
    assert clocks.check_source("", (), resolution_s=0.0156).state == "warn"


def test_a_time_of_day_that_follows_nobody_is_mended_as_the_system_does_it(drawn):
    lone = clocks.Synchronization(False, 16000.0)
    assert (
        clocks.check_synchronization(clocks.Synchronization(True, 12.0), machine=drawn.machine).state == "ok"
    )
    assert clocks.check_synchronization(lone, machine=drawn.machine).mend == "sudo apt install chrony"
    (drawn.root / "run/systemd/system").mkdir(parents=True)
    assert clocks.check_synchronization(lone, machine=drawn.machine).mend == "sudo timedatectl set-ntp true"
    assert "w32time" in clocks.check_synchronization(lone, machine=Machine(platform="win32")).mend


@pytest.mark.skipif(sys.platform != "linux", reason="adjtimex is Linux's")
def test_the_kernel_tells_whether_it_follows_a_server():
    found = clocks.read_synchronization(Machine())
    assert found.error_ms is not None
    assert found.error_ms >= 0


@pytest.mark.parametrize(
    ("n_cores", "use", "state"), [(2, "record", "warn"), (4, "record", "ok"), (1, "rate", "ok")]
)
def test_cores_are_counted_for_a_use(n_cores, use, state):
    assert processor.check_cores(n_cores, use=use).state == state


def test_a_container_has_what_it_is_let_have(drawn):
    drawn.write("proc/meminfo", "MemTotal:       16303428 kB\nMemFree: 1 kB\nMemAvailable:    9000000 kB")
    assert processor.read_memory(drawn.machine) == processor.Memory(16303428 * 1024, 9000000 * 1024)
    drawn.write("sys/fs/cgroup/memory.max", "max")
    assert not processor.read_memory(drawn.machine).limited
    drawn.write("sys/fs/cgroup/memory.max", 2 * 2**30)
    found = processor.read_memory(drawn.machine)
    assert found == processor.Memory(2 * 2**30, 2 * 2**30, limited=True)
    assert processor.check_memory(found, use="train").state == "warn"


def test_eight_gigabytes_of_which_firmware_keeps_some_are_eight():
    assert processor.check_memory(processor.Memory(int(7.6 * 2**30)), use="train").state == "ok"


@pytest.mark.parametrize(
    ("machine", "flags", "states"),
    [
        ("x86_64", "sse4_2 avx2 avx512f avx512_bf16", ["ok", "ok"]),
        ("x86_64", "sse4_2 avx2", ["ok", "not needed"]),
        ("x86_64", "sse4_2", ["warn", "not needed"]),
        ("aarch64", "asimd bf16", ["not needed", "ok"]),
    ],
)
def test_instructions_are_those_of_the_processors_kind(machine, flags, states):
    found = processor.Instructions(machine, frozenset(flags.split()))
    assert [one.state for one in processor.check_instructions(found)] == states


@pytest.mark.parametrize(
    ("governor", "driver", "recording", "state"),
    [
        ("powersave", "acpi-cpufreq", True, "warn"),
        ("powersave", "acpi-cpufreq", False, "ok"),
        ("powersave", "intel_pstate", True, "ok"),
        ("performance", "acpi-cpufreq", True, "ok"),
        ("", "", True, "not needed"),
    ],
)
def test_only_a_governor_that_holds_back_is_doubted(governor, driver, recording, state):
    assert processor.check_governor(governor, driver, recording=recording).state == state


def test_a_power_plan_that_saves_is_doubted_while_recording():
    assert processor.check_power_plan("balanced", recording=True).mend == "powercfg /setactive SCHEME_MIN"
    assert processor.check_power_plan("balanced", recording=False).state == "ok"


CSV = "NVIDIA H200, 143771, 143000, 570.124.06, 9.0\nTesla K80, 11441, [N/A], 470.82.01\n"


def test_cards_are_read_as_nvidia_smi_prints_them():
    first, second = graphics.parse_cards(CSV)
    assert first == graphics.GraphicsCard("NVIDIA H200", 143771, 143000, "570.124.06", 9.0)
    assert (second.free_mib, second.capability) == (0.0, 0.0)
    assert graphics.parse_cards("No devices were found\n") == ()


def test_torch_has_to_be_built_for_the_card_and_to_reach_it():
    cards = graphics.parse_cards(CSV)[:1]

    def judged(training=True, **torch):
        return graphics.check_cards(cards, graphics.Torch(**torch), training=training)[-1]

    assert judged(version="2.13.0+cu130", built_for="CUDA 13.0", reaches=1).state == "ok"
    plain = judged(version="2.13.0+cpu")
    assert (plain.state, plain.mend.split()[-1]) == ("warn", "torch==2.13.0")
    assert judged(version="2.13.0+cpu", training=False).state == "not needed"
    assert judged(version="2.13.0+cu130", built_for="CUDA 13.0", reaches=0).state == "warn"
    assert judged(version="2.13.0+cu130", built_for="CUDA 13.0", problem="late").state == "unknown"
    assert judged().state == "not needed"
    assert graphics.check_cards((), graphics.Torch(), training=True)[0].state == "not needed"


def test_what_torch_is_built_for_is_read_without_loading_it():
    found = graphics.read_torch(Machine(), 0)
    assert re.fullmatch(r"\d+\.\d+\.\d+(\+\w+)?", found.version)
    assert found.reaches is None
    assert "+cpu" not in found.version or found.built_for == ""


def test_an_nvidia_card_without_its_driver_is_told(drawn, monkeypatch):
    monkeypatch.setenv("PATH", str(drawn.root))
    assert graphics.read_cards(drawn.machine) == ()
    drawn.write("sys/bus/pci/devices/0000:01:00.0/vendor", "0x10de")
    drawn.write("sys/bus/pci/devices/0000:01:00.0/class", "0x030000")
    (check,) = graphics.checks(Asked(machine=drawn.machine))
    (found,) = check.look()
    assert (found.state, "nvidia-smi" in found.found) == ("warn", True)


def nvidia_smi(folder, script):
    """Put a program of that name into a folder."""
    (folder / "nvidia-smi").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "nvidia-smi").chmod(0o755)


def looked_at(drawn):
    """Return the findings about graphics cards of a machine that trains."""
    (check,) = graphics.checks(Asked(use="train", machine=drawn.machine))
    return check.look()


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
def test_nvidia_smi_is_asked_again_in_fewer_words_where_it_is_old(drawn, monkeypatch):
    nvidia_smi(
        drawn.root, 'case "$1" in *compute_cap*) exit 2;; esac\necho "Tesla K80, 11441, 11000, 470.82.01"'
    )
    monkeypatch.setenv("PATH", f"{drawn.root}:/usr/bin:/bin")
    card, torch = looked_at(drawn)
    assert (card.state, card.found) == ("ok", "Tesla K80, 11 GiB, 11 free, driver 470.82.01")
    assert torch.name == "torch on the card"


@pytest.mark.skipif(sys.platform == "win32", reason="the stand-in for nvidia-smi is a shell script")
def test_a_driver_that_does_not_answer_is_told_in_its_own_words(drawn, monkeypatch):
    nvidia_smi(drawn.root, "echo could not talk to the driver\nexit 9")
    monkeypatch.setenv("PATH", f"{drawn.root}:/usr/bin:/bin")
    (found,) = looked_at(drawn)
    assert found.state == "warn"
    assert found.found == "nvidia-smi ended with exit status 9: could not talk to the driver"


def test_text_that_is_not_utf8_is_doubted():
    assert (
        terminal.check_encodings(terminal.Encodings("UTF-8", "utf-8", "utf8"), platform="linux").state == "ok"
    )
    found = terminal.check_encodings(terminal.Encodings("cp1252", "utf-8", "cp1252"), platform="win32")
    assert (found.state, found.mend) == ("warn", "setx PYTHONUTF8 1")


@pytest.mark.parametrize(("columns", "state"), [(0, "not needed"), (60, "warn"), (80, "ok")])
def test_a_terminal_has_eighty_columns(columns, state):
    assert terminal.check_screen(terminal.Screen(columns, "xterm")).state == state


def test_a_program_that_is_absent_fails_or_hangs_is_told_in_one_line():
    machine = Machine(wait_s=20.0)
    assert machine.run(["-c", "print('here')"], python=True).strip() == "here"
    with pytest.raises(Untold, match="no-such-program: No such file"):
        machine.run(["no-such-program"])
    with pytest.raises(Untold, match="exit status 3: the reason"):
        machine.run(
            ["-c", "import sys; print('more\\nthe reason', file=sys.stderr); sys.exit(3)"], python=True
        )
    with pytest.raises(Untold, match="signal 9"):
        machine.run(["-c", "import os; os.kill(os.getpid(), 9)"], python=True)
    with pytest.raises(Untold, match=r"no answer within 0\.3 s"):
        Machine(wait_s=0.3).run(["-c", "import time; time.sleep(60)"], python=True)


def test_words_that_a_shell_would_take_apart_are_quoted(drawn):
    assert quoted("/opt/my python") == ("/opt/my python" if sys.platform == "win32" else "'/opt/my python'")
    assert system_install(drawn.machine, "gcc", "make") == "sudo apt install gcc make"
    drawn.write("etc/os-release", 'ID=linuxmint\nID_LIKE="ubuntu debian"')
    assert system_install(drawn.machine, "gcc") == "sudo apt install gcc"
    drawn.write("etc/os-release", "ID=fedora")
    assert system_install(drawn.machine, "gcc") == ""
