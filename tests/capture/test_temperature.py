import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mavfer.capture.export.colors import coloring_of
from mavfer.capture.streams import Stream, StreamSpec
from mavfer.capture.temperature import Linear, Planck, conversion, kelvin_table, widened

HIGH_GAIN = Planck(16556, 1428, 1, -65.5)
PLANCKS = st.builds(
    Planck,
    st.floats(1_000, 1_000_000),
    st.floats(500, 3_000),
    st.floats(0.5, 1.5),
    st.floats(-5_000, 5_000),
)


@pytest.mark.parametrize(
    ("unit", "counts", "celsius"),
    [
        ("0.04 K", 0, -273.15),
        ("0.04 K", 7500, 26.85),  # 300 K
        ("0.04 K", 7704, 35.01),  # 308.16 K
        ("0.04 K", 16383, 382.17),  # the end of 14 bits: 655.32 K
        ("0.4 K", 750, 26.85),
        ("0.4 K", 2060, 550.85),  # 824 K, the end of the low gain's range
        ("0.01 K", 29315, 20.0),
    ],
)
def test_linear_counts_are_the_temperatures_worked_out_by_hand(unit, counts, celsius):
    law = conversion(unit)
    assert law is not None
    assert law.celsius(counts) == pytest.approx(celsius, abs=1e-9)


@pytest.mark.parametrize(
    ("law", "signal", "kelvin"),
    [
        # S - O = R, so the logarithm is ln 2 = 0.693147: 1428 / 0.693147
        (HIGH_GAIN, 16556 - 65.5, 2060.1685),
        # 1428 / 300 = 4.76, e^4.76 = 116.7459, 16556 / 115.7459 = 143.0375, minus 65.5
        (HIGH_GAIN, 77.5375, 300.0),
        # 1428 / 308.15 = 4.634107, e^4.634107 = 102.9361, 16556 / 101.9361 = 162.4155
        (HIGH_GAIN, 96.9155, 308.15),
        # F = 0.5: R / (S - O) = 0.5, so the logarithm is that of 1; no temperature
        (Planck(1000, 1428, 0.5, 0), 2000, float("nan")),
        # R / (S - O) + F = e with S - O = 1000, R = 1000 (e - 1) = 1718.2818: T = B
        (Planck(1718.2818284590453, 1400, 1, 100), 1100, 1400.0),
    ],
)
def test_plancks_law_gives_the_temperatures_worked_out_by_hand(law, signal, kelvin):
    assert law.kelvin(signal) == pytest.approx(kelvin, abs=1e-3, nan_ok=True)


def test_a_signal_that_is_not_above_the_offset_has_no_temperature():
    law = Planck(16556, 1428, 1, 100)
    assert np.isnan(law.kelvin(np.array([0.0, 99.0, 100.0]))).all()
    assert np.isfinite(law.kelvin(101.0))


@given(PLANCKS, st.floats(230, 900))
def test_plancks_law_and_its_inverse_undo_each_other(law, kelvin):
    assert law.kelvin(law.counts(kelvin)) == pytest.approx(kelvin, rel=1e-6)


@given(st.floats(1e-3, 10), st.floats(0, 65535))
def test_the_linear_law_and_its_inverse_undo_each_other(kelvin_per_count, counts):
    law = Linear(kelvin_per_count)
    assert law.counts(law.kelvin(counts)) == pytest.approx(counts)


@given(PLANCKS)
def test_more_signal_is_warmer(law):
    kelvin = law.kelvin(np.arange(65536))
    assert (np.diff(kelvin[np.isfinite(kelvin)]) > 0).all()


@given(st.one_of(PLANCKS, st.builds(Linear, st.floats(1e-6, 1e3))))
def test_a_law_is_read_back_from_its_unit(law):
    assert conversion(law.unit) == law


def test_the_units_are_those_that_files_say():
    assert Linear(0.04).unit == "0.04 K"
    assert Linear(0.4).unit == "0.4 K"
    assert HIGH_GAIN.unit == "planck R=16556 B=1428 F=1 O=-65.5"


@pytest.mark.parametrize(
    "unit",
    [
        *("counts", "mm", "0 K", "-0.04 K", "0.04K", "kelvin/25", "1e999 K"),
        *("planck R=1 B=2 F=1", "planck R=0 B=1 F=1 O=0", "planck R=1 B=2 F=1 O=-1e999"),
    ],
)
def test_other_units_tell_no_temperature(unit):
    assert conversion(unit) is None
    assert kelvin_table(unit) is None


@pytest.mark.parametrize("unit", ["0.04 K", HIGH_GAIN.unit])
def test_the_table_holds_what_the_law_says_of_every_count(unit):
    law, table = conversion(unit), kelvin_table(unit)
    assert law is not None
    assert table is not None
    np.testing.assert_array_equal(table, law.kelvin(np.arange(65536)))
    with pytest.raises(ValueError, match="read-only"):
        table[0] = 1


@given(st.sampled_from([Linear(0.04), Linear(0.4), HIGH_GAIN]), st.floats(0, 9000), st.floats(0, 3000))
def test_what_is_widened_spans_the_least_and_nothing_wider_is_touched(law, low, width):
    first, last = widened(law, low, low + width, least=4.0)
    if (first, last) == (low, low + width):
        assert law.kelvin(last) - law.kelvin(first) >= 3.9
    else:
        assert law.kelvin(last) - law.kelvin(first) == pytest.approx(4.0)
        assert first < low + width / 2 < last


def test_colors_of_signals_beyond_the_law_are_those_of_counts():
    law = Planck(1000, 1428, 0.5, 0)  # from 2000 on there is no temperature
    signals = np.linspace(1000, 3000, 64 * 64).reshape(64, 64).astype(np.uint16)
    coloring = coloring_of(StreamSpec(Stream.THERMAL, signals.shape, "uint16", law.unit), [signals])
    assert {text.split()[1] for _, text in coloring.scale} == {"counts"}
    assert (coloring.table[1000] != coloring.table[3000]).any()


def test_colors_of_raw_signals_stand_beside_their_temperatures():
    celsius = np.linspace(20, 40, 240 * 320).reshape(240, 320)
    big = Planck(380_000, 1428, 1, -65.5)
    signals = np.rint(big.counts(celsius + 273.15)).astype(np.uint16)
    coloring = coloring_of(StreamSpec(Stream.THERMAL, signals.shape, "uint16", big.unit), [signals])
    texts = [text for _, text in coloring.scale]
    assert all(text.endswith(" °C") for text in texts)
    for place, text in coloring.scale:
        shown = coloring.table[round(big.counts(float(text.split()[0]) + 273.15))]
        assert np.abs(shown.astype(int) - coloring.colors[round(place * 255)]).max() <= 8, text
