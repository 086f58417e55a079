"""A rank's own side: its batches, and how it describes a result; no processes."""

import socket
import threading
from fractions import Fraction

import pytest

torch = pytest.importorskip("torch", reason="needs torch")

from crusades_eval.rank import Batches, _number, _read_state, rejected_type  # noqa: E402
from crusades_eval.wire import Channel  # noqa: E402


def test_a_thread_that_draws_ahead_never_reads_what_the_judge_says_next():
    judges_end, ranks_end = socket.socketpair()
    judge, rank = Channel(judges_end), Channel(ranks_end)
    batches = Batches(rank, 16)
    drawn: list[torch.Tensor] = []
    several_drawn = threading.Event()

    def answer() -> None:
        for _ in range(10):
            assert judge.receive()[0]["type"] == "draw"
            judge.send("batch", torch.tensor([1, 2]).view(torch.uint8).numpy().tobytes(), shape=[1, 2])
        several_drawn.set()
        while judge.receive()[0]["type"] == "draw":
            judge.send("batch", torch.tensor([1, 2]).view(torch.uint8).numpy().tobytes(), shape=[1, 2])

    answering = threading.Thread(target=answer, daemon=True)
    drawing = threading.Thread(target=lambda: drawn.extend(batches), daemon=True)
    answering.start()
    drawing.start()
    several_drawn.wait()
    batches.end()
    rank.send("warm")
    answering.join()
    judge.send("timed")
    assert rank.receive()[0] == {"type": "timed", "payload": 0}
    drawing.join()
    assert len(drawn) >= 10 and all(batch.tolist() == [[1, 2]] for batch in drawn)
    rank.close()
    judge.close()


@pytest.mark.parametrize(
    ("value", "reportable", "text"),
    [
        (3, True, "3"),
        (True, True, "1"),
        (1.5, True, "1.5"),
        (float("nan"), True, "nan"),
        (float("inf"), True, "inf"),
        (torch.tensor(2.5), False, "2.5"),
        (torch.tensor([7]), False, "7"),
        (torch.ones(2), False, None),
        (Fraction(1, 2), False, "0.5"),
        ("3", False, None),
        (None, False, None),
    ],
)
def test_numbers_are_described_as_production_would_report_them(value, reportable, text):
    assert _number(value) == {"kind": type(value).__name__, "reportable": reportable, "value": text}


def test_numpys_float_is_a_float_and_its_integer_is_not():
    numpy = pytest.importorskip("numpy", reason="needs numpy")
    assert _number(numpy.float64(1.5)) == {"kind": "float64", "reportable": True, "value": "1.5"}
    assert _number(numpy.int64(3)) == {"kind": "int64", "reportable": False, "value": "3"}


class Slots:
    __slots__ = ("final_logits", "final_loss", "total_tokens")

    def __init__(self):
        self.final_logits = self.total_tokens = self.final_loss = None


class Properties:
    final_logits = property(lambda self: None)
    total_tokens = property(lambda self: None)
    final_loss = property(lambda self: None)


class Lazy(Slots):
    def __getattr__(self, name):
        raise AttributeError(name)


class LazyType(type):
    def __getattr__(cls, name):
        raise AttributeError(name)


class OfLazyType(Properties, metaclass=LazyType):
    pass


def test_result_types():
    assert [rejected_type(cls()) for cls in (Slots, Properties, OfLazyType)] == [None] * 3
    assert rejected_type(Lazy()) == "class Lazy computes on attribute access"
    assert rejected_type(type("Below", (Lazy,), {})()) == "class Below computes on attribute access"
    assert rejected_type(object()) == "no attribute final_logits"


def test_values_of_a_final_state_that_may_be_computed_late():
    tensor = torch.ones(1)
    assert _read_state({"w": tensor, "step": 1, "name": "x", "none": None}) == ({"w": tensor}, None)
    assert _read_state(None) == ({}, "final_state is missing")
    assert _read_state([("w", tensor)]) == ({}, "final_state is a list, not a dict")
    assert _read_state({"w": [tensor]}) == ({}, "final_state['w'] computes on access")
