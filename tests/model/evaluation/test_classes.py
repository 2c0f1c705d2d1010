import numpy as np
import pytest

from mavfer.model.evaluation.classes import (
    ClipClasses,
    confusion,
    confusion_scores,
    measures_of_confusion,
    session_confusion,
)


def test_a_confusion_matrix_counts_truth_by_row_and_leaves_out_the_unknown() -> None:
    counts = confusion(np.array([0, 1, 1, 2]), np.array([0, 0, 1, -1]), 3)
    np.testing.assert_array_equal(counts, [[1, 1, 0], [0, 1, 0], [0, 0, 0]])


def test_accuracy_and_macro_f1_are_what_they_are_by_hand() -> None:
    found = confusion_scores(np.array([[3.0, 1.0], [2.0, 4.0]]))
    assert found["accuracy"] == pytest.approx(0.7)
    assert found["macro_f1"] == pytest.approx((6 / 9 + 8 / 11) / 2)


def test_a_class_that_is_neither_true_nor_said_does_not_count() -> None:
    counts = np.array([[3.0, 1.0, 0.0], [2.0, 4.0, 0.0], [0.0, 0.0, 0.0]])
    assert confusion_scores(counts) == confusion_scores(counts[:2, :2])
    said = counts + np.diag([0.0, 0.0, 0.0])
    said[0, 2] = 1
    assert confusion_scores(said)["macro_f1"] < confusion_scores(counts)["macro_f1"]


def test_nothing_counted_is_undefined() -> None:
    assert all(np.isnan(value) for value in measures_of_confusion(np.zeros((2, 4, 4)))["accuracy"])


def test_a_session_is_judged_by_its_mean_probabilities() -> None:
    probabilities = np.array([[0.6, 0.4], [0.6, 0.4], [0.0, 1.0]])
    clips = ClipClasses(np.arange(3), np.array([1, 1, -1]), probabilities)
    assert clips.predicted.tolist() == [0, 0, 1]
    assert clips.session_predicted == 1
    assert session_confusion(clips).tolist() == [[0, 0], [0, 1]]


def test_a_session_of_two_classes_or_of_none_is_not_judged_as_a_whole() -> None:
    probabilities = np.full((2, 2), 0.5)
    assert session_confusion(ClipClasses(np.arange(2), np.array([0, 1]), probabilities)).sum() == 0
    assert session_confusion(ClipClasses(np.arange(2), np.array([-1, -1]), probabilities)).sum() == 0
    empty = ClipClasses(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 2)))
    assert session_confusion(empty).sum() == 0
