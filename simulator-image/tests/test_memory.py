"""What a plain training loop holds, measured in PyTorch; `app/common/memory.test.ts` reads the same file."""

import json
import warnings
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs python: torch is not installed")
transformers = pytest.importorskip("transformers", reason="needs python: transformers is not installed")

from crusades_eval.model import build_model, count_parameters  # noqa: E402
from crusades_eval.reference import BETAS, LEARNING_RATE, WEIGHT_DECAY  # noqa: E402

F = torch.nn.functional
FIXTURE = json.loads((Path(__file__).resolve().parents[2] / "fixtures" / "memory.json").read_text(encoding="utf-8"))


def network(model, *, checkpointing):
    built = build_model(model, vocab_size=None, torch_seed=0, device=torch.device("cpu"))
    if not checkpointing:
        built.gradient_checkpointing_disable()
    return built


def batch(case):
    return torch.randint(0, case["model"]["vocab_size"], (case["rows"], case["sequenceLength"]))


def forward(built, tokens):
    logits = built(input_ids=tokens[:, :-1], use_cache=False).logits
    return logits, F.cross_entropy(logits.reshape(-1, logits.size(-1)), tokens[:, 1:].reshape(-1))


def adamw(built):
    return torch.optim.AdamW(built.parameters(), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY, betas=BETAS, fused=True)


def size_of(tensors):
    return sum(tensor.nbytes for tensor in tensors)


def persistent_bytes(case):
    built = network(case["model"], checkpointing=True)
    optimizer = adamw(built)
    forward(built, batch(case))[1].backward()
    optimizer.step()
    return {
        "weights": size_of(built.parameters()),
        "gradients": size_of(parameter.grad for parameter in built.parameters()),
        "optimizer": size_of(tensor for state in optimizer.state.values() for tensor in state.values()),
    }


def saved_bytes(case, *, checkpointing):
    """What autograd keeps between the forward pass of the model and its backward pass, each storage once."""
    built = network(case["model"], checkpointing=checkpointing)
    tokens = batch(case)
    known = {tensor.untyped_storage().data_ptr() for tensor in (*built.parameters(), tokens)}
    kept = {}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in known:
            kept[storage.data_ptr()] = tensor, storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        built(input_ids=tokens[:, :-1], use_cache=False)
    return sum(nbytes for _, nbytes in kept.values())


def peak_bytes(case, *, checkpointing):
    """The largest moment of the second step: from then on AdamW's states are there."""
    from torch.distributed._tools.mem_tracker import MemTracker

    built = network(case["model"], checkpointing=checkpointing)
    optimizer = adamw(built)

    def step():
        logits, loss = forward(built, batch(case))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        # As in the templates, the logits live as long as the step: they are part of the result.
        return logits

    step()
    tracker = MemTracker()
    tracker.track_external(built, optimizer)
    with warnings.catch_warnings(), tracker:
        warnings.simplefilter("ignore")
        step()
    return tracker.get_tracker_snapshot("peak")[torch.device("cpu")]["Total"]


@pytest.mark.parametrize("name", FIXTURE["models"])
def test_models_have_the_number_of_weights_that_the_window_counts_with(name):
    case = FIXTURE["models"][name]
    with torch.device("meta"):
        built = transformers.AutoModelForCausalLM.from_config(transformers.Qwen2Config(**case["model"]))
    tensors = list(built.parameters())
    assert (count_parameters(built), len(tensors)) == (case["parameters"], case["tensors"])


def test_resized_embeddings_count_as_the_window_counts_them():
    case = FIXTURE["resized"]
    built = build_model(case["model"], vocab_size=case["vocabSize"], torch_seed=0, device=torch.device("cpu"))
    assert count_parameters(built) == case["parameters"]


@pytest.mark.parametrize("case", FIXTURE["cases"], ids=lambda case: case["name"])
def test_a_plain_loop_holds_what_the_window_estimates_from(case):
    measured = {
        "persistent": persistent_bytes(case),
        "saved": {str(on).lower(): saved_bytes(case, checkpointing=on) for on in (False, True)},
        "peak": {str(on).lower(): peak_bytes(case, checkpointing=on) for on in (False, True)},
    }
    # Bookkeeping of single tokens differs between versions of PyTorch; the rest is exact.
    expected = {"persistent": case["persistent"]}
    expected |= {kind: pytest.approx(case[kind], rel=0.01) for kind in ("saved", "peak")}
    assert measured == expected
