"""What the production image holds instead of synthetic data: a named model, a tokenizer, a list of texts."""

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="needs python: PyTorch is not installed")

from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: E402
from transformers import PreTrainedTokenizerFast, Qwen2Config  # noqa: E402

from crusades_eval.data import load_tokenizer, text_samples  # noqa: E402
from crusades_eval.model import build_model, count_parameters  # noqa: E402

WORDS = ["[PAD]", "[EOS]", "the", "quick", "brown", "fox"]


def save_tokenizer(folder: Path, **special: str) -> None:
    tokenizer = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[EOS]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


@pytest.mark.parametrize(
    ("special", "padding"),
    [({"pad_token": "[PAD]", "eos_token": "[EOS]"}, 0), ({"eos_token": "[EOS]"}, 1)],
    ids=["pad token", "eos where there is no pad token"],
)
def test_texts_are_cut_and_padded_to_the_sequence_length(tmp_path, special, padding):
    save_tokenizer(tmp_path / "tokenizer", **special)
    dataset = tmp_path / "dataset.json"
    dataset.write_text(json.dumps(["the quick", "the quick brown fox the fox"]), encoding="utf-8")

    samples = text_samples(dataset=dataset, tokenizer=load_tokenizer(str(tmp_path / "tokenizer")), seq_len=4)

    assert samples.dtype == torch.int64
    assert samples.tolist() == [[2, 3, padding, padding], [2, 3, 4, 5]]


@pytest.mark.parametrize("stored", ["google/gemma-3-27b-it", "gemma-3-27b-it"])
def test_a_tokenizer_of_the_image_is_found_by_its_name(tmp_path, stored):
    save_tokenizer(tmp_path / stored, eos_token="[EOS]")

    assert len(load_tokenizer("google/gemma-3-27b-it", folder=tmp_path)) == len(WORDS)


def test_a_named_model_gets_random_weights_and_the_tokenizers_vocabulary(tmp_path):
    config = Qwen2Config(
        vocab_size=16,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        tie_word_embeddings=False,
    )
    config.save_pretrained(tmp_path)
    arguments = {"vocab_size": 6, "torch_seed": 7, "device": torch.device("cpu")}

    first, second = (build_model({"name": str(tmp_path)}, **arguments) for _ in range(2))

    assert first.get_input_embeddings().weight.shape == (6, 8)
    assert first.get_output_embeddings().weight.shape == (6, 8)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))
    assert {parameter.dtype for parameter in first.parameters()} == {torch.bfloat16}
    assert all(parameter.requires_grad for parameter in first.parameters())
    # Embeddings and head; q and o, k and v with their biases; three feed-forward matrices; three norms.
    assert count_parameters(first) == 2 * 48 + 2 * (64 + 32) + 8 + 2 * 4 + 3 * 128 + 3 * 8
