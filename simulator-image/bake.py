"""Puts model, tokenizer and texts into the production image while it is built (spec/evaluation.md section 6).

That is the only time it has network.

python bake.py model NAME | tokenizer NAME FOLDER | dataset NAME SPLIT SAMPLES FILE
"""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

#: A build secret, there during one step only.
TOKEN = Path("/run/secrets/hf_token")
#: Shorter texts are left out.
MIN_CHARACTERS = 100


def texts(rows: Iterable[dict], samples: int) -> Iterator[str]:
    """Of the first `samples` rows, the texts of more than 100 characters."""
    return (row["text"] for row in islice(rows, samples) if len(row["text"]) > MIN_CHARACTERS)


def bake_model(name: str, token: str | None) -> None:
    """Config and weights, into the cache that HF_HOME names; of the two formats of weights, the one that is read."""
    from huggingface_hub import snapshot_download

    snapshot_download(name, token=token, allow_patterns=["*.json", "*.txt", "*.model", "*.safetensors"])


def bake_tokenizer(name: str, folder: str, token: str | None) -> None:
    from transformers import AutoTokenizer

    AutoTokenizer.from_pretrained(name, token=token).save_pretrained(Path(folder, name))


def bake_dataset(name: str, split: str, samples: int, file: str, token: str | None) -> None:
    from datasets import load_dataset

    kept = list(texts(load_dataset(name, split=split, streaming=True, token=token), samples))
    if not kept:
        sys.exit(f"{name} holds no texts of more than {MIN_CHARACTERS} characters in its first {samples} rows.")
    path = Path(file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept), encoding="utf-8")
    print(f"{len(kept)} texts")


def main() -> None:
    token = TOKEN.read_text(encoding="utf-8").strip() or None if TOKEN.exists() else None
    match sys.argv[1:]:
        case ["model", name]:
            bake_model(name, token)
        case ["tokenizer", name, folder]:
            bake_tokenizer(name, folder, token)
        case ["dataset", name, split, samples, file]:
            bake_dataset(name, split, int(samples), file, token)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
