"""The Dockerfiles against spec/evaluation.md section 6, read as text: building one takes gigabytes and an hour."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import bake
import pytest

FOLDER = Path(__file__).resolve().parents[1]

#: spec/evaluation.md section 6.
BASE = "pytorch/pytorch:2.9.0-cuda12.6-cudnn9-runtime"
PACKAGES = {
    "transformers": "4.57.6",
    "accelerate": "1.12.0",
    "safetensors": "0.7.0",
    "datasets": "4.6.0",
    "fastapi": "0.133.1",
    "uvicorn": "0.41.0",
    "pydantic": "2.12.5",
    "numpy": "2.2.6",
    "tokenizers": "0.22.2",
    "huggingface-hub": "0.36.0",
    "pyarrow": "23.0.1",
    "flash-attn": "2.8.3",
}
SYSTEM_PACKAGES = {"git", "curl", "ca-certificates", "gcc", "ninja-build"}
ENVIRONMENT = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "PYTORCH_CUDA_ALLOC_CONF": "expandable_segments:True",
    "CACHED_DATASET_PATH": "/home/appuser/.cache/templar/dataset.json",
}


@dataclass(frozen=True)
class Dockerfile:
    """A Dockerfile's instructions in order, without comments, continued lines joined."""

    instructions: list[tuple[str, str]]

    @classmethod
    def read(cls, name: str) -> "Dockerfile":
        lines = (FOLDER / name).read_text(encoding="utf-8").splitlines()
        text = "\n".join(line for line in lines if not line.startswith("#")).replace("\\\n", " ")
        return cls([tuple(line.split(None, 1)) for line in text.split("\n") if line.strip()])

    def all(self, name: str) -> list[str]:
        return [" ".join(rest.split()) for instruction, rest in self.instructions if instruction == name]

    def defaults(self) -> dict[str, str]:
        """Build arguments and their defaults."""
        return {name: value.strip('"') for name, _, value in (rest.partition("=") for rest in self.all("ARG"))}

    def pairs(self, name: str) -> dict[str, str]:
        """What ENV or LABEL set."""
        return dict(word.split("=", 1) for rest in self.all(name) for word in shlex.split(rest))

    def last_stage(self) -> "Dockerfile":
        start = max(index for index, (name, _) in enumerate(self.instructions) if name == "FROM")
        return Dockerfile(self.instructions[start:])


PRODUCTION, CPU = Dockerfile.read("Dockerfile"), Dockerfile.read("Dockerfile.cpu")
BOTH = pytest.mark.parametrize("image", [PRODUCTION, CPU], ids=["production", "CPU"])


def test_the_production_image_is_built_on_productions_base_with_its_packages():
    assert PRODUCTION.defaults()["BASE"] == BASE
    assert PRODUCTION.last_stage().all("FROM") == ["${BASE}"]
    lines = (FOLDER / "requirements-production.txt").read_text(encoding="utf-8").splitlines()
    assert dict(line.split("==") for line in lines if not line.startswith("#")) == PACKAGES
    runs = PRODUCTION.last_stage().all("RUN")
    (installed,) = (run for run in runs if "pip install" in run)
    assert "--requirement /build/requirements-production.txt" in installed
    (system,) = (run for run in runs if "apt-get install" in run)
    (listed,) = re.findall(r"--no-install-recommends ([^&]+) &&", system)
    assert set(listed.split()) == SYSTEM_PACKAGES
    assert (PRODUCTION.pairs("ENV") | ENVIRONMENT) == PRODUCTION.pairs("ENV")
    assert "hparams.json /app/hparams.json" in PRODUCTION.all("COPY")


def test_flash_attention_is_compiled_for_the_same_pytorch():
    assert PRODUCTION.defaults()["COMPILER"] == BASE.replace("-runtime", "-devel")


def test_model_tokenizer_and_texts_are_the_profiles():
    assert {"MODEL", "TOKENIZER", "DATASET", "SPLIT", "SAMPLES"} <= PRODUCTION.last_stage().defaults().keys()
    baked = [run for run in PRODUCTION.all("RUN") if "bake.py" in run]
    assert [re.findall(r"bake\.py (\w+)", run) for run in baked] == [["model", "tokenizer"], ["dataset"]]


def test_the_token_is_a_build_secret_and_nothing_else():
    tokens = [
        (name, rest) for name, rest in PRODUCTION.instructions if re.search(r"token(?!izer)", rest, re.IGNORECASE)
    ]
    assert [name for name, _ in tokens] == ["RUN", "RUN"]
    assert all(rest.startswith("--mount=type=secret,id=hf_token ") for _, rest in tokens)
    assert all("bake.py" in rest for _, rest in tokens)
    assert Path("/run/secrets/hf_token") == bake.TOKEN


def test_the_network_is_used_before_the_image_is_offline():
    names = [name if name != "ENV" else rest.split("=")[0] for name, rest in PRODUCTION.instructions]
    last_bake = max(index for index, (_, rest) in enumerate(PRODUCTION.instructions) if "bake.py dataset" in rest)
    assert names.index("HF_HUB_OFFLINE") > last_bake


@BOTH
def test_the_ranks_user_owns_nothing_of_the_judges(image):
    final = image.last_stage()
    users = next(run for run in final.all("RUN") if "useradd" in run)
    assert "useradd --create-home appuser && useradd --system --no-create-home judge" in users
    assert final.all("USER") == ["appuser"]
    # Copied as root: no --chown.
    assert "crusades_eval /opt/crusader/crusades_eval" in final.all("COPY")
    assert image.pairs("ENV")["PYTHONPATH"] == "/opt/crusader"


@BOTH
def test_labels_say_what_an_image_was_built_from(image):
    labels = image.pairs("LABEL")
    assert {"crusader.profile", "crusader.packages", "crusader.source"} <= labels.keys()
    assert all(value == f"${{{name.removeprefix('crusader.').upper()}}}" for name, value in labels.items())
    # The instruction that changes most often comes last.
    assert image.instructions[-1][0] == "LABEL"


def test_a_rehearsals_image_has_the_rehearsals_packages():
    assert CPU.defaults()["BASE"] == "python:3.11-slim"
    (installed,) = (run for run in CPU.all("RUN") if "pip install" in run)
    assert "--requirement /build/requirements-cpu.txt" in installed


def test_texts_are_those_over_a_hundred_characters_among_the_first_samples():
    rows = [{"text": letter * size} for letter, size in (("a", 101), ("b", 100), ("c", 500), ("d", 200))]
    assert list(bake.texts(rows, 3)) == ["a" * 101, "c" * 500]
