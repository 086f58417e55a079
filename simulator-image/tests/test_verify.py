"""Every check at, below and above its limit. Limits are inclusive; numbers are chosen so that floats are exact."""

import math

import pytest

torch = pytest.importorskip("torch", reason="needs python: torch is not installed")

from crusades_eval import verify  # noqa: E402
from crusades_eval.backends import EXPECTED  # noqa: E402
from crusades_eval.verify import Clocks, WeightSums  # noqa: E402

NAN, INFINITY = math.nan, math.inf


def outcome(check):
    return check.state, check.code


PASSED = ("passed", None)


def number(value):
    """As a rank describes a number (`rank._number`)."""
    return {"kind": type(value).__name__, "tensor": False, "value": repr(value)}


# -- numbers with a limit ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "expected"),
    [
        (2.0, PASSED),
        (2.25, PASSED),
        (1.75, PASSED),
        (2.250001, ("failed", "loss_mismatch")),
        (1.749999, ("failed", "loss_mismatch")),
        (100.0, ("failed", "loss_mismatch")),
        (100.001, ("failed", None)),
        (0.0, ("failed", None)),
        (-2.0, ("failed", None)),
        (NAN, ("failed", None)),
        (INFINITY, ("failed", None)),
        (2, PASSED),
        ("2.0", ("failed", None)),
    ],
)
def test_loss(loss, expected):
    described = number(loss) if not isinstance(loss, str) else {"kind": "str", "tensor": False, "value": None}
    assert outcome(verify.check_loss(described, 2.0, limit=0.25, production_limit=None)) == expected


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        (1280, PASSED),
        (1280.0, PASSED),  # production compares with ==
        (1279, ("failed", "token_count_mismatch")),
        (1281, ("failed", "token_count_mismatch")),
        (NAN, ("failed", "token_count_mismatch")),
        (10**99, ("failed", "token_count_mismatch")),
    ],
)
def test_tokens(tokens, expected):
    assert outcome(verify.check_tokens(number(tokens), 1280)) == expected


@pytest.mark.parametrize("text", [None, "", "one", "0x10", 7, [], "1" * 5000])
def test_what_is_no_number_is_none_or_infinite(text):
    parsed = verify.parse_number({"value": text})
    assert parsed is None or parsed == INFINITY


@pytest.mark.parametrize(
    ("mfu", "plausible", "fast_enough"),
    [
        (None, ("not_measured", None), ("not_measured", None)),
        (49.9, PASSED, ("failed", "insufficient_mfu")),
        (50.0, PASSED, PASSED),
        (85.0, PASSED, PASSED),
        (85.1, ("failed", "implausible_mfu"), PASSED),
        (0.0, PASSED, ("failed", "insufficient_mfu")),
    ],
)
def test_mfu_limits(mfu, plausible, fast_enough):
    assert outcome(verify.check_plausible_mfu(mfu, 85.0)) == plausible
    assert outcome(verify.check_min_mfu(mfu, 50.0)) == fast_enough


# -- time -------------------------------------------------------------------------------------------------------------


def deferred(**changes):
    values = {
        "state_seconds": 0.0,
        "timed_seconds": 8.0,
        "wait_seconds": 0.0,
        "slack": (0.5, 0.25),
        "probe_share": 0.25,
        "state_share": 0.25,
    }
    return outcome(verify.check_deferred_state(**(values | changes)))


LATE = ("failed", "deferred_computation")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, PASSED),
        ({"state_seconds": 4.0}, PASSED),
        ({"state_seconds": 4.001}, LATE),
        ({"state_seconds": NAN}, LATE),
        ({"timed_seconds": NAN}, LATE),
        ({"wait_seconds": 2.5}, PASSED),
        ({"wait_seconds": 2.501}, LATE),
        ({"probe_share": None, "state_share": None}, PASSED),
        ({"probe_share": 0.0}, PASSED),
        ({"probe_share": 0.3}, PASSED),
        ({"probe_share": 0.301}, LATE),
        ({"probe_share": INFINITY}, LATE),
    ],
)
def test_deferred_state(changes, expected):
    assert deferred(**changes) == expected


def clocks(needs_cuda=False, originals=True, **changes):
    clock = Clocks(**({"perf": 8.0, "mono": 8.0, "cuda": None, "judge": 8.0} | changes))
    return outcome(
        verify.check_clocks(
            {0: Clocks(perf=8.0, mono=8.0, cuda=8.0, judge=8.0), 1: clock},
            threshold=0.125,
            slack=(0.5, 0.25),
            originals=originals,
            needs_cuda=needs_cuda,
        )
    )


TAMPERED = ("failed", "timer_tampering")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, PASSED),
        ({"perf": 9.0}, PASSED),
        ({"perf": 7.0}, PASSED),
        ({"perf": 9.01}, TAMPERED),
        ({"perf": 6.99}, TAMPERED),
        ({"cuda": 8.0, "needs_cuda": True}, PASSED),
        ({"cuda": None, "needs_cuda": True}, ("failed", "timer_source_unavailable")),
        ({"cuda": 7.0}, TAMPERED),  # 1/7 of the second clock
        ({"perf": 0.0}, TAMPERED),
        ({"mono": -8.0}, TAMPERED),
        ({"perf": NAN}, TAMPERED),
        ({"mono": INFINITY}, TAMPERED),
        ({"originals": False}, TAMPERED),
        # The judge's clock may lie 0.5 s and a quarter of its span away.
        ({"judge": 10.0}, PASSED),
        ({"judge": 12.0}, TAMPERED),
        ({"judge": 6.0}, PASSED),
        ({"judge": 5.9}, TAMPERED),
    ],
)
def test_clocks(changes, expected):
    assert clocks(**changes) == expected


# -- what holds or does not -------------------------------------------------------------------------------------------


def test_functional():
    assert outcome(verify.check_functional(True)) == PASSED
    assert outcome(verify.check_functional(False)) == ("failed", "functional_tampering")


def test_model_config_may_gain_and_lose_attributes_but_not_change_them():
    before = {"vocab_size": "64", "use_cache": "True", "gone": "1"}
    unchanged = {"vocab_size": "64", "use_cache": "False", "new": "1"}
    assert outcome(verify.check_model_config(before, unchanged)) == PASSED
    changed = verify.check_model_config(before, unchanged | {"vocab_size": "65"})
    assert (outcome(changed), changed.value) == (("failed", "config_tampering"), "changed: vocab_size")


@pytest.mark.parametrize("name", EXPECTED)
def test_backend_state(name):
    assert outcome(verify.check_backend_state(EXPECTED)) == PASSED
    assert outcome(verify.check_backend_state(EXPECTED | {name: "x"})) == ("failed", "execution_failed")
    missing = {key: value for key, value in EXPECTED.items() if key != name}
    assert outcome(verify.check_backend_state(missing)) == ("failed", "execution_failed")


def test_result_type():
    assert outcome(verify.check_result_type(None)) == PASSED
    assert outcome(verify.check_result_type("a dict")) == ("failed", None)


def test_shapes_of_logits():
    assert outcome(verify.check_logits([4, 15, 64])) == PASSED
    assert outcome(verify.check_logits(None)) == ("failed", "missing_logits")
    assert outcome(verify.check_logits([])) == ("failed", "invalid_logits_shape")
    assert outcome(verify.check_logits([60, 64])) == ("failed", "invalid_logits_shape")
    assert outcome(verify.check_sequence([4, 15, 64], 16)) == PASSED
    assert outcome(verify.check_sequence([4, 16, 64], 16)) == ("failed", "sequence_truncation")
    assert outcome(verify.check_sequence([4, 14, 64], 16)) == ("failed", "sequence_truncation")
    assert outcome(verify.check_vocabulary([4, 15, 64], [2, 15, 64])) == PASSED
    assert outcome(verify.check_vocabulary([4, 15, 63], [2, 15, 64])) == ("failed", "invalid_logits_shape")


# -- weights ----------------------------------------------------------------------------------------------------------

REFERENCE = {"a": torch.zeros(2, 3), "b": torch.zeros(4)}


def entry(*shape, plain=True):
    return {"shape": list(shape), "dtype": "bfloat16", "plain": plain}


def final_state(missing=None, **state):
    return outcome(verify.check_final_state(missing, state, REFERENCE))


def test_final_state():
    assert final_state(a=entry(2, 3), b=entry(4)) == PASSED
    assert final_state(a=entry(2, 3), b=entry(4), more=entry(9)) == PASSED
    assert final_state("final_state is missing") == ("failed", "missing_final_state")
    assert final_state(a=entry(2, 3)) == ("failed", "incomplete_final_state")
    assert final_state() == ("failed", "incomplete_final_state")
    assert final_state(a=entry(3, 2), b=entry(4)) == ("failed", "invalid_final_state_shape")
    assert final_state(a=entry(6), b=entry(4)) == ("failed", "invalid_final_state_shape")
    assert final_state(a=entry(2, 3, plain=False), b=entry(4)) == ("failed", None)


def sums_of(value, reference, initial):
    sums = WeightSums()
    # Two tensors: the error is that of all elements together, not a mean of two.
    sums.add("a", torch.tensor(value[:2]), torch.tensor(reference[:2]), torch.tensor(initial[:2]))
    sums.add("b", torch.tensor(value[2:]), torch.tensor(reference[2:]), torch.tensor(initial[2:]))
    return sums


def test_the_relative_error_is_of_the_whole_state():
    sums = sums_of([3.0, 4.0, 0.0, 12.0], [3.0, 4.0, 0.0, 0.0], [0.0] * 4)
    assert sums.relative_error == 12 / 5
    assert sums.worst() == "b"
    assert sums.changed_share == 0.75


@pytest.mark.parametrize(
    ("error", "expected"),
    [(0.0, PASSED), (0.25, PASSED), (0.2501, ("failed", "weight_mismatch")), (3.0, ("failed", "weight_mismatch"))],
)
def test_weights(error, expected):
    sums = sums_of([1.0 + error, 0.0, 0.0], [1.0, 0.0, 0.0], [0.0] * 3)
    assert outcome(verify.check_weights(sums, limit=0.25, production_limit=None)) == expected


@pytest.mark.parametrize("value", [NAN, INFINITY, -INFINITY])
def test_weights_that_are_no_numbers(value):
    sums = sums_of([1.0, value, 0.0], [1.0, 0.0, 0.0], [0.0] * 3)
    check = verify.check_weights(sums, limit=0.25, production_limit=None)
    assert outcome(check) == ("failed", "weight_nan_injection")


def test_a_reference_of_zeros_matches_nothing():
    sums = sums_of([0.0] * 3, [0.0] * 3, [0.0] * 3)
    assert outcome(verify.check_weights(sums, limit=0.25, production_limit=None)) == ("failed", "weight_mismatch")


@pytest.mark.parametrize(
    ("changed", "expected"), [(4, PASSED), (3, PASSED), (2, ("failed", "insufficient_params_changed"))]
)
def test_params_changed(changed, expected):
    value = [1.0] * changed + [1e-7] * (4 - changed)  # a change below 1e-6 is none
    sums = sums_of(value, [1.0] * 4, [0.0] * 4)
    assert outcome(verify.check_params_changed(sums, limit=0.75, production_limit=None)) == expected


@pytest.mark.parametrize("answered", [None, [], [1.0], [1.0, 2.0, 3.0], [1.0, 2.5], ["1.0", 2.0], {"0": 1.0}])
def test_another_sample_than_of_the_delivered_state_counts_as_infinitely_different(answered):
    sums = WeightSums()
    sums.add_probe(torch.tensor([1.0, 0.0, 2.0]), torch.tensor([1.0, 0.0, 2.0]), [0, 2], answered)
    assert sums.probe_share == INFINITY


def test_the_share_of_the_sample_and_of_the_state_that_differs():
    value, reference = torch.tensor([3.0, 9.0, 5.0, NAN]), torch.tensor([3.0, 0.0, 4.0, 1.0])
    sums = WeightSums()
    sums.add("w", value, reference, reference)
    sums.add_probe(value, reference, [0, 2, 3, 0], [3.0, 5.0, NAN, 3.0])
    assert (sums.probe_share, sums.different_share) == (0.5, 0.75)
