import subprocess
import sys

import pytest

from mavfer.errors import UsageError
from mavfer.model.families import LISTED
from mavfer.model.tables.plan import NAMES, planned


def test_every_table_is_planned_in_the_order_of_work():
    assert [table.name for table in planned(NAMES, fps=4.0)] == list(NAMES)
    assert [table.name for table in planned(("VI", "systems"), fps=4.0)] == ["systems", "VI"]


def test_every_row_names_a_network_that_exists_once_per_table():
    for table in planned(NAMES, fps=4.0):
        labels = [row.label for row in table.rows]
        assert len(set(labels)) == len(labels)
        assert {system.model for system in table.systems} <= set(LISTED)
        assert table.systems


def test_every_order_is_between_two_rows_that_are_trained():
    for table in planned(NAMES, fps=4.0):
        for order in table.orders:
            assert table.row(order.better).system is not None
            assert table.row(order.worse).system not in (None, table.row(order.better).system)


def test_the_printed_numbers_have_the_orders_that_the_paper_claims():
    for table in planned(("IV", "V", "VI", "VII", "VIII", "IX"), fps=4.0):
        for order in table.orders:
            better, worse = (table.row(label).printed for label in (order.better, order.worse))
            assert min(one.ccc or 0 for one in better) > max(one.ccc or 0 for one in worse)


def test_rows_of_an_unknown_place_have_both_printed_numbers():
    (table,) = planned(("IV",), fps=4.0)
    assert table.row("depth").printed == table.row("thermal").printed
    assert len(table.row("depth").printed) == 2


@pytest.mark.parametrize(("fps", "n_frames"), [(4.0, 4), (8.0, 8), (2.0, 4), (16.0, None)])
def test_a_second_is_as_many_frames_as_the_dataset_has(fps: float, n_frames: int | None):
    (table,) = planned(("VIII",), fps=fps)
    system = table.row("CNN + RNN, 1 s").system
    assert system is not None
    assert system.n_frames == n_frames


def test_an_unknown_table_is_refused_with_those_that_exist():
    with pytest.raises(UsageError, match=r"fig12.*'XI'"):
        planned(("XI",), fps=4.0)


def test_the_command_and_the_plan_do_not_import_torch():
    code = (
        "import sys, mavfer.model.commands.tables, mavfer.model.tables.plan; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
