"""The checks of spec/evaluation.md section 4, step 8: pure functions from what was measured to a `Check`.

Every check is computed where it can be, also behind a failed one: the first failure in production's order is the
verdict, the rest tells a miner what would come next.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch

from .backends import EXPECTED
from .events import Check

#: A parameter counts as changed when an element moved by more than this.
CHANGED_BY = 1e-6
#: Reading final_state may take at most this share of the timed span: more is computation put off.
MAX_STATE_SHARE = 0.5
#: Attributes of the model's config a submission may change.
FREE_CONFIG = frozenset({"use_cache", "output_hidden_states", "output_attentions", "return_dict"})
MAX_LOSS = 100.0
WEIGHT_DTYPES = frozenset({"bfloat16", "float16", "float32", "float64"})
#: A number a rank describes has at most so many characters.
MAX_NUMBER_LENGTH = 100
#: Weights are compared in pieces of so many elements: an embedding of half a billion would take 20 GB at once.
PIECE_ELEMENTS = 1 << 24
#: By so much more of a random sample of 4,096 elements than of the whole state may differ from the reference's: six
#: standard deviations of such a sample, whatever the share, so chance fails no run. A rehearsal's honest state differs
#: in 0.14 of its elements, one that lacks its last step in 0.35.
PROBE_SLACK = 0.05


def _share(value: float, limit: float) -> float | None:
    """`value / limit` for `Check.used`; None where that is no finite number."""
    share = value / limit if limit > 0 else math.inf
    return share if math.isfinite(share) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Clocks:
    """One rank's three clocks around its timed call, in seconds, and the judge's own around all of it."""

    perf: float
    mono: float
    cuda: float | None
    judge: float

    @property
    def counted(self) -> float:
        """The time that scores: CUDA events on a GPU, else perf_counter."""
        return self.perf if self.cuda is None else self.cuda


def check_functional(original: bool) -> Check:
    return Check(
        name="functional",
        state="passed" if original else "failed",
        value="original" if original else "replaced",
        limit="original",
        rule="holds",
        code=None if original else "functional_tampering",
        message="torch's cross_entropy is the original one after the import."
        if original
        else "Importing the file replaced torch.nn.functional.cross_entropy.",
    )


def check_deferred_state(
    *,
    state_seconds: float,
    timed_seconds: float,
    wait_seconds: float,
    slack: tuple[float, float],
    probe_share: float | None,
    state_share: float | None,
) -> Check:
    """The final state was finished when the clock stopped.

    Production measures how long reading it takes (`state_seconds`). The judge also measures how long the rank took to
    answer for a random sample of it (`wait_seconds`; `slack` in seconds and as a share of the timed span), and
    whether that sample is of the state it delivered later: `probe_share` is the share of the sample's elements that
    differ from the reference's, infinite where the answer is not what was delivered; `state_share` the whole state's.
    """
    limit = MAX_STATE_SHARE * timed_seconds
    base = {"name": "deferred_state", "limit": round(limit, 4), "rule": "at_most", "unit": "s"}
    base |= {"value": round(state_seconds, 4), "used": _share(state_seconds, limit)}
    message = None
    if not state_seconds <= limit:
        message = "Reading final_state took longer than half of the timed span: work was put off until after the clock."
    elif wait_seconds > slack[0] + slack[1] * timed_seconds:
        message = f"After the clock stopped, final_state was not ready for another {wait_seconds:.2f} s."
    elif probe_share is not None and probe_share > state_share + PROBE_SLACK:
        message = (
            "final_state was not finished when the clock stopped: a sample taken then is not of the final weights."
        )
    if message is not None:
        return Check(**base, state="failed", code="deferred_computation", message=message)
    return Check(**base, state="passed", message="final_state was ready when inner_steps returned.")


def check_clocks(
    clocks: Mapping[int, Clocks], *, threshold: float, slack: tuple[float, float], originals: bool, needs_cuda: bool
) -> Check:
    """The in-process clocks agree with each other, and the judge's own clock bounds them from outside.

    `slack`: how far the judge's clock may lie from a rank's, in seconds and as a share of its span.
    """
    base = {"name": "clocks", "limit": threshold, "rule": "at_most", "unit": "relative"}
    worst = 0.0
    for clock in clocks.values():
        pairs = [(clock.perf, clock.mono)]
        if clock.cuda is not None:
            pairs += [(clock.perf, clock.cuda), (clock.mono, clock.cuda)]
        for first, second in pairs:
            sound = first > 0 and second > 0 and math.isfinite(first) and math.isfinite(second)
            worst = max(worst, abs(first - second) / second if sound else math.inf)
    hidden = [
        rank
        for rank, clock in clocks.items()
        if not abs(clock.judge - clock.counted) <= slack[0] + slack[1] * clock.judge  # also true for NaN
    ]
    passed = originals and not hidden and worst <= threshold
    if passed and needs_cuda and any(clock.cuda is None for clock in clocks.values()):
        return Check(
            **base, state="failed", value=None, code="timer_source_unavailable", message="No CUDA clock to time with."
        )
    if not originals:
        message = "Event.elapsed_time or cross_entropy was replaced during the timed run."
    elif hidden:
        clock = clocks[hidden[0]]
        message = f"Rank {hidden[0]} reports {clock.counted:.2f} s where the judge's own clock saw {clock.judge:.2f} s."
    elif not passed:
        message = "The clocks of one rank disagree."
    else:
        message = "perf_counter, monotonic and, on a GPU, CUDA events agree, and the judge's clock bounds them."
    return Check(
        **base,
        state="passed" if passed else "failed",
        value=round(worst, 6),
        used=_share(worst, threshold),
        code=None if passed else "timer_tampering",
        message=message,
    )


def check_model_config(before: Mapping[str, str], after: Mapping[str, str]) -> Check:
    changed = sorted(
        name for name in before.keys() & after.keys() if name not in FREE_CONFIG and before[name] != after[name]
    )
    return Check(
        name="model_config",
        state="failed" if changed else "passed",
        value=f"changed: {', '.join(changed)[:200]}" if changed else "unchanged",
        limit="unchanged",
        rule="holds",
        code="config_tampering" if changed else None,
        message=f"The timed run changed model.config ({', '.join(changed)[:200]})."
        if changed
        else "model.config is as it was before the timed run.",
    )


def check_backend_state(state: Mapping[str, object]) -> Check:
    wrong = [name for name, expected in EXPECTED.items() if state.get(name) != expected]
    text = ", ".join(f"{name} is {str(state.get(name))[:40]}, expected {EXPECTED[name]}" for name in wrong)
    return Check(
        name="backend_state",
        state="failed" if wrong else "passed",
        value=text or "as set",
        limit="as set",
        rule="holds",
        code="execution_failed" if wrong else None,
        message=f"Backend settings were changed: {text}." if wrong else "Backend settings are as they were set.",
    )


def check_result_type(rejected: str | None) -> Check:
    return Check(
        name="result_type",
        state="failed" if rejected else "passed",
        value=rejected[:200] if rejected else "accepted",
        limit="accepted",
        rule="holds",
        message=f"The result is not accepted: {rejected[:200]}."
        if rejected
        else "The result has final_logits, total_tokens and final_loss.",
    )


def _shape(shape: list[int] | None) -> str:
    return "none" if shape is None else "x".join(str(size) for size in shape[:8]) or "scalar"


def check_logits(shape: list[int] | None) -> Check:
    passed = shape is not None and len(shape) == 3
    if shape is None:
        code, message = "missing_logits", "final_logits is None."
    elif not passed:
        code, message = "invalid_logits_shape", f"final_logits has {len(shape)} dimensions, not 3."
    else:
        code, message = None, "final_logits has three dimensions: batch, sequence, vocabulary."
    return Check(
        name="logits",
        state="passed" if passed else "failed",
        value=_shape(shape),
        limit="3 dimensions",
        rule="holds",
        code=code,
        message=message,
    )


def check_sequence(shape: list[int], seq_len: int) -> Check:
    passed = shape[1] == seq_len - 1
    return Check(
        name="sequence",
        state="passed" if passed else "failed",
        value=shape[1],
        limit=seq_len - 1,
        rule="equal",
        unit="positions",
        code=None if passed else "sequence_truncation",
        message="final_logits covers the whole sequence."
        if passed
        else f"final_logits covers {shape[1]} positions; a sequence of {seq_len} tokens gives {seq_len - 1}.",
    )


def check_vocabulary(shape: list[int], reference_shape: list[int]) -> Check:
    passed = shape[2] == reference_shape[2]
    return Check(
        name="vocabulary",
        state="passed" if passed else "failed",
        value=shape[2],
        limit=reference_shape[2],
        rule="equal",
        unit="entries",
        code=None if passed else "invalid_logits_shape",
        message="final_logits spans the whole vocabulary."
        if passed
        else f"final_logits spans {shape[2]} vocabulary entries; the reference has {reference_shape[2]}.",
    )


def check_final_state(
    missing: str | None, state: Mapping[str, Mapping[str, Any]], reference: Mapping[str, torch.Tensor]
) -> Check:
    """Presence, names and shapes; the values are `check_weights`'s business. Extra names are dropped."""
    base = {"name": "final_state", "rule": "equal", "unit": "tensors", "limit": len(reference)}
    if missing is not None:
        return Check(**base, state="failed", value=0, code="missing_final_state", message=f"{missing[:200]}.")
    absent = [name for name in reference if name not in state]
    present = len(reference) - len(absent)
    if absent:
        return Check(
            **base,
            state="failed",
            value=present,
            code="incomplete_final_state",
            message=f"final_state lacks {len(absent)} of {len(reference)} tensors, the first is {absent[0]}.",
        )
    for name, tensor in reference.items():
        if list(tensor.shape) != state[name]["shape"]:
            return Check(
                **base,
                state="failed",
                value=present,
                code="invalid_final_state_shape",
                message=f"{name} has shape {_shape(state[name]['shape'])}, expected {_shape(list(tensor.shape))}.",
            )
        if state[name]["dtype"] not in WEIGHT_DTYPES:
            return Check(
                **base,
                state="failed",
                value=present,
                message=f"{name} is of type {state[name]['dtype'][:40]}, which is no weight's.",
            )
        if state[name].get("plain") is not True:
            # Production's comparison raises on these, which has no code of its own.
            return Check(
                **base,
                state="failed",
                value=present,
                message=f"{name} is no plain tensor (a DTensor must be gathered with full_tensor()).",
            )
    return Check(**base, state="passed", value=present, message="final_state has every tensor in its shape.")


def _same_numbers(answered: object, delivered: torch.Tensor) -> bool:
    """Whether a rank's answer is exactly these numbers, NaN included."""
    if not isinstance(answered, list) or not all(isinstance(number, float) for number in answered):
        return False
    claimed = torch.tensor(answered, dtype=torch.float64)
    return claimed.shape == delivered.shape and torch.allclose(claimed, delivered, rtol=0, atol=0, equal_nan=True)


@dataclass(slots=True)
class WeightSums:
    """Accumulates the two weight checks tensor by tensor, so that the judge never holds a second whole model."""

    changed: int = 0
    elements: int = 0
    difference_squared: float = 0.0
    reference_squared: float = 0.0
    finite: bool = True
    per_tensor: dict[str, float] = field(default_factory=dict)
    #: Elements that are not the reference's to the bit.
    different: int = 0
    probed: int = 0
    probed_different: float = 0

    def add(self, name: str, value: torch.Tensor, reference: torch.Tensor, initial: torch.Tensor) -> None:
        difference = 0.0
        flat = (tensor.reshape(-1).split(PIECE_ELEMENTS) for tensor in (value, reference, initial))
        for pieces in zip(*flat, strict=True):
            ours, theirs, before = (piece.float() for piece in pieces)
            self.changed += int(((ours - before).abs() > CHANGED_BY).sum())
            self.different += int((ours != theirs).sum())
            self.finite = self.finite and bool(torch.isfinite(ours).all())
            difference += (ours - theirs).double().square().sum().item()
            self.reference_squared += theirs.double().square().sum().item()
        self.elements += value.numel()
        self.difference_squared += difference
        self.per_tensor[name] = difference

    def add_probe(self, value: torch.Tensor, reference: torch.Tensor, indices: list[int], answered: object) -> None:
        """`answered`: what the rank said these elements of `value` were when its clock stopped."""
        delivered = value.reshape(-1)[indices].double()
        expected = reference.reshape(-1)[indices].double()
        self.probed += len(indices)
        self.probed_different += int((delivered != expected).sum()) if _same_numbers(answered, delivered) else math.inf

    @property
    def probe_share(self) -> float:
        """Share of the sample that differs from the reference; infinite where the answer is not what was delivered."""
        return self.probed_different / self.probed if self.probed else 0.0

    @property
    def different_share(self) -> float:
        """Share of all elements that differ from the reference's, by however little."""
        return self.different / self.elements if self.elements else 0.0

    @property
    def relative_error(self) -> float:
        """norm(w - w_ref) / norm(w_ref) over the whole state dict."""
        if self.reference_squared == 0:
            return math.inf
        return math.sqrt(self.difference_squared / self.reference_squared)

    @property
    def changed_share(self) -> float:
        return self.changed / self.elements if self.elements else 0.0

    def worst(self) -> str:
        """The tensor that differs most from the reference's."""
        return max(self.per_tensor, key=lambda name: self.per_tensor[name])


def check_params_changed(sums: WeightSums, *, limit: float, production_limit: float | None) -> Check:
    passed = sums.changed_share >= limit
    return Check(
        name="params_changed",
        state="passed" if passed else "failed",
        value=round(sums.changed_share, 6),
        limit=limit,
        rule="at_least",
        unit="share",
        used=_share(limit, sums.changed_share),
        production_limit=production_limit,
        code=None if passed else "insufficient_params_changed",
        message=f"{sums.changed_share:.1%} of all parameter elements changed."
        + ("" if passed else f" At least {limit:.0%} must: are layers frozen, or steps left out?"),
    )


def check_plausible_mfu(mfu: float | None, limit: float) -> Check:
    base = {"name": "plausible_mfu", "limit": limit, "rule": "at_most", "unit": "% MFU"}
    if mfu is None:
        return Check(**base, state="not_measured", value=None, message="MFU is measured on GPUs only.")
    passed = mfu <= limit
    return Check(
        **base,
        state="passed" if passed else "failed",
        value=round(mfu, 4),
        used=_share(mfu, limit),
        code=None if passed else "implausible_mfu",
        message="The speed is physically plausible." if passed else "So high an MFU is taken for an error or a cheat.",
    )


def check_tokens(value: dict[str, Any], expected: int) -> Check:
    number = parse_number(value)
    passed = number == expected
    return Check(
        name="tokens",
        state="passed" if passed else "failed",
        value=number if number is not None else str(value.get("kind"))[:80],
        limit=expected,
        rule="equal",
        unit="tokens",
        code=None if passed else "token_count_mismatch",
        message="total_tokens is batch_size * seq_len * num_steps."
        if passed
        else f"total_tokens must be batch_size * seq_len * num_steps = {expected}, of one rank's own batches.",
    )


def parse_number(value: dict[str, Any]) -> float | None:
    """A number a rank described (`rank._number`): int or float, NaN and infinities included; else None."""
    text = value.get("value")
    # Longer ones are no rank's of ours; as a JSON number nobody could read them.
    if not isinstance(text, str) or len(text) > MAX_NUMBER_LENGTH:
        return None
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return None


def check_loss(value: dict[str, Any], reference: float, *, limit: float, production_limit: float | None) -> Check:
    base = {
        "name": "loss",
        "limit": limit,
        "rule": "at_most",
        "unit": "difference",
        "production_limit": production_limit,
    }
    loss = parse_number(value)
    if loss is None:
        return Check(**base, state="failed", value=str(value.get("kind"))[:80], message="final_loss is not a number.")
    if not 0 < loss <= MAX_LOSS:  # also false for NaN
        return Check(
            **base, state="failed", value=f"final_loss {loss}", message=f"final_loss must lie in (0, {MAX_LOSS:.0f}]."
        )
    difference = abs(loss - reference)
    passed = difference <= limit
    return Check(
        **base,
        state="passed" if passed else "failed",
        value=round(difference, 6),
        used=_share(difference, limit),
        code=None if passed else "loss_mismatch",
        message=f"final_loss {loss:.4f}, reference {reference:.4f}.",
    )


def check_weights(sums: WeightSums, *, limit: float, production_limit: float | None) -> Check:
    base = {
        "name": "weights",
        "limit": limit,
        "rule": "at_most",
        "unit": "relative",
        "production_limit": production_limit,
    }
    if not sums.finite:
        return Check(
            **base,
            state="failed",
            value="not finite",
            code="weight_nan_injection",
            message="final_state holds NaN or infinite values.",
        )
    error = sums.relative_error
    passed = error <= limit
    return Check(
        **base,
        state="passed" if passed else "failed",
        value=round(error, 6),
        used=_share(error, limit),
        code=None if passed else "weight_mismatch",
        message="The final weights match the reference's."
        if passed
        else f"The final weights differ from the reference's, most of all in {sums.worst()}.",
    )


def check_min_mfu(mfu: float | None, limit: float) -> Check:
    base = {"name": "min_mfu", "limit": limit, "rule": "at_least", "unit": "% MFU"}
    if mfu is None:
        return Check(**base, state="not_measured", value=None, message="MFU is measured on GPUs only.")
    passed = mfu >= limit
    return Check(
        **base,
        state="passed" if passed else "failed",
        value=round(mfu, 4),
        used=_share(limit, mfu),
        code=None if passed else "insufficient_mfu",
        message="Fast enough to be ranked." if passed else "Too slow to be ranked.",
    )
