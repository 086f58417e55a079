"""The token samples a run trains on, and the order in which its ranks read them (spec/evaluation.md sections 2 and 4).

Only the judge and the reference know the run's seed; a submission's rank is handed its batches one by one.
"""

from __future__ import annotations

import json
import random
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from .topology import batch_starts, data_group

if TYPE_CHECKING:  # seconds to import, and only text needs it
    from transformers import PreTrainedTokenizerBase

#: Where the production image keeps tokenizers of other models.
TOKENIZERS = Path("/app/tokenizers")


def torch_seed(seed: str) -> int:
    """What `torch.manual_seed` gets: it fixes the model's initial weights and nothing of the data order."""
    return int(sha256(seed.encode()).hexdigest(), 16) % 2**32


def sample_order(seed: str, num_samples: int, keep: int) -> list[int]:
    """The run's shuffle of all samples, cut to the first `keep`."""
    indices = list(range(num_samples))
    random.Random(int(sha256(seed.encode()).hexdigest()[:8], 16)).shuffle(indices)
    return indices[:keep]


def synthetic_samples(*, num_samples: int, seq_len: int, vocab_size: int, master_seed: int) -> torch.Tensor:
    """Learnable tokens without a corpus: int64 (num_samples, seq_len), the same for the same arguments everywhere.

    Each token has four successors of unequal probability (a sparse Markov chain over a Zipf-like alphabet), so that
    twenty steps already lower the loss and other data shows in the weights.
    """
    generator = torch.Generator().manual_seed(master_seed)
    successors = torch.randint(0, vocab_size, (vocab_size, 4), generator=generator)
    weights = torch.tensor([0.6, 0.25, 0.1, 0.05])
    zipf = 1.0 / torch.arange(1, vocab_size + 1, dtype=torch.float64)
    tokens = torch.empty((num_samples, seq_len), dtype=torch.int64)
    tokens[:, 0] = torch.multinomial(zipf, num_samples, replacement=True, generator=generator)
    choices = torch.multinomial(weights, num_samples * seq_len, replacement=True, generator=generator)
    choices = choices.view(num_samples, seq_len)
    for position in range(1, seq_len):
        tokens[:, position] = successors[tokens[:, position - 1], choices[:, position]]
    return tokens


def load_tokenizer(name: str, folder: Path = TOKENIZERS) -> PreTrainedTokenizerBase:
    """The tokenizer `name`, from the image's own folder where it lies there, else from the local cache; offline."""
    from transformers import AutoTokenizer

    for path in (folder / name, folder / Path(name).name):
        if path.is_dir():
            return AutoTokenizer.from_pretrained(path, local_files_only=True)
    return AutoTokenizer.from_pretrained(name, local_files_only=True)


def text_samples(*, dataset: Path, tokenizer: PreTrainedTokenizerBase, seq_len: int) -> torch.Tensor:
    """One sample a text of the JSON list in `dataset`, cut or padded to seq_len (pad token, else eos)."""
    texts = json.loads(dataset.read_text(encoding="utf-8"))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else tokenizer.eos_token_id
    tokens = torch.full((len(texts), seq_len), pad, dtype=torch.int64)
    for row, text in enumerate(texts):
        ids = tokenizer(text, truncation=True, max_length=seq_len)["input_ids"][:seq_len]
        tokens[row, : len(ids)] = torch.tensor(ids, dtype=torch.int64)
    return tokens


class BatchSource:
    """Batches of one run for every rank; `count` says how many a rank drew, which a rank cannot forge."""

    def __init__(self, samples: torch.Tensor, *, batch_size: int, num_ranks: int, dp_size: int, tp_size: int) -> None:
        """`samples`: int64 (n, seq_len) in the run's order."""
        self._samples = samples
        self._batch_size = batch_size
        self._starts = [
            batch_starts(data_group(rank, tp_size), dp_size, batch_size, len(samples)) for rank in range(num_ranks)
        ]
        self.count = [0] * num_ranks

    def draw(self, rank: int) -> torch.Tensor:
        """The rank's next batch: int64 CPU (batch_size, seq_len), of fewer rows where there are fewer samples."""
        start = next(self._starts[rank])
        self.count[rank] += 1
        return self._samples[start : start + self._batch_size]
