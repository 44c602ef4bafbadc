"""CausalLMWriter: samples from a causal language model of the Hugging Face kind, in batches.

Needs `transformers` and PyTorch: `pip install "coding-envs[lm]"`. Both are imported when a model is
loaded, not before.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from typing import Any

from ..data import ProblemSet
from ..errors import CodingEnvsError, InvalidValueError
from ..problem import Problem
from .generation import Wanted, Written, check_sampling, program_of
from .prompts import chat_prompt, completion_prompt

__all__ = ["CausalLMWriter"]


class CausalLMWriter:
    """A model that writes programs.

    A batch's random numbers come from the seed and from the first sample in it, so that the same
    call writes the same again. An evaluation that was interrupted forms other batches, and may
    write other samples than it would have; each is as likely.

    Args:
      name: on the Hugging Face hub, or a folder.
      prompt: "chat" or "completion"; default: "chat" where the tokenizer has a chat template.
      temperature: 0 takes the likeliest token each time.
      top_p, max_tokens, seed: of the sampling.
      batch_size: samples at one time.
      device: such as "cuda" or "cpu"; default: a GPU where there is one.
      dtype: such as "bfloat16"; "auto" takes the checkpoint's own.

    Raises:
      CodingEnvsError: `transformers` is not installed, or there is no such model.
      InvalidValueError: an argument is out of its range; names it.
    """

    def __init__(
        self,
        name: str | os.PathLike[str],
        *,
        prompt: str | None = None,
        temperature: float = 0.0,
        top_p: float = 1.0,
        max_tokens: int = 2048,
        seed: int = 0,
        batch_size: int = 8,
        device: str | None = None,
        dtype: str = "auto",
    ) -> None:
        check_sampling(
            prompt=prompt or "chat",
            temperature=temperature,
            top_p=top_p,
            max_tokens=max_tokens,
            seed=seed,
        )
        if batch_size < 1:
            raise InvalidValueError(f"batch_size must be >= 1, got {batch_size}")
        try:
            import transformers
            from transformers.utils import is_torch_cuda_available
        except ImportError as error:
            raise CodingEnvsError(
                f'a language model needs {error.name}; pip install "coding-envs[lm]"'
            ) from None
        self._name = os.fspath(name)
        if device is None:
            device = "cuda" if is_torch_cuda_available() else "cpu"
        try:
            self._tokenizer: Any = transformers.AutoTokenizer.from_pretrained(name)
            self._model: Any = transformers.AutoModelForCausalLM.from_pretrained(name, dtype=dtype)
            self._model = self._model.to(device).eval()
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            first = " ".join(str(error).split())[:300]
            raise CodingEnvsError(f"model {self._name!r} cannot be loaded: {first}") from None
        self._set_seed = transformers.set_seed
        self._tokenizer.padding_side = self._tokenizer.truncation_side = "left"
        if self._tokenizer.pad_token_id is None:
            if self._tokenizer.eos_token_id is None:
                raise CodingEnvsError(f"the tokenizer of {self._name!r} has no end-of-text token")
            self._tokenizer.pad_token = self._tokenizer.eos_token
        has_template = getattr(self._tokenizer, "chat_template", None) is not None
        if prompt == "chat" and not has_template:
            raise InvalidValueError(
                f"the tokenizer of {self._name!r} has no chat template; use prompt=completion"
            )
        self._prompt = prompt or ("chat" if has_template else "completion")
        self._temperature, self._top_p = temperature, top_p
        self._max_tokens, self._seed, self._batch_size = max_tokens, seed, batch_size
        self._max_prompt_tokens = self._room()

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides what is written, but for batches, device and number format."""
        return {
            "model": self._name,
            "prompt": self._prompt,
            "temperature": self._temperature,
            "top_p": self._top_p,
            "max_tokens": self._max_tokens,
            "seed": self._seed,
        }

    def write(self, problems: ProblemSet, wanted: Wanted) -> Iterator[Written]:
        """Yields a sample for each that is wanted, in their order."""
        for start in range(0, len(wanted), self._batch_size):
            some = wanted[start : start + self._batch_size]
            yield from self._batch([(problems.by_key(key), number) for key, number in some])

    def close(self) -> None:
        """Lets go of the model."""
        self._model = None

    def _room(self) -> int:
        """Returns how many tokens a prompt may have."""
        config = self._model.config
        most = getattr(config, "max_position_embeddings", None) or 1 << 30
        if self._max_tokens >= most:
            raise InvalidValueError(
                f"max_tokens must be below the {most} that {self._name!r} has room for, "
                f"got {self._max_tokens}"
            )
        return int(most) - self._max_tokens

    def _batch(self, wanted: Sequence[tuple[Problem, int]]) -> Iterator[Written]:
        tokenizer = self._tokenizer
        inputs = tokenizer(
            [self._text(problem) for problem, _ in wanted],
            return_tensors="pt",
            padding=True,
            truncation=True,  # at the left: what matters most of a statement is said again last
            max_length=self._max_prompt_tokens,
            # A chat template writes the special tokens itself.
            add_special_tokens=self._prompt == "completion",
            return_token_type_ids=False,
        ).to(self._model.device)
        first, number = wanted[0]
        name = f"{self._seed}\0{first.key}\0{number}".encode("utf-8", "surrogatepass")
        self._set_seed(int.from_bytes(hashlib.blake2b(name, digest_size=4).digest(), "big"))
        choice: dict[str, Any] = {"do_sample": False}
        if self._temperature > 0:
            choice = {"do_sample": True, "temperature": self._temperature, "top_p": self._top_p}
            choice["top_k"] = 0  # the default of 50 would be another distribution
        else:  # not the checkpoint's own, which would be warned of
            choice |= {"temperature": None, "top_p": None, "top_k": None}
        outputs = self._model.generate(
            **inputs,
            max_new_tokens=self._max_tokens,
            pad_token_id=tokenizer.pad_token_id,
            **choice,
        )
        width = inputs["input_ids"].shape[1]
        prompts = inputs["attention_mask"].sum(dim=1).tolist()
        for (problem, number), row, prompt_tokens in zip(
            wanted, outputs[:, width:].tolist(), prompts, strict=True
        ):
            ended = self._ended(row)
            text = tokenizer.decode(row[:ended], skip_special_tokens=True)
            yield Written(
                key=problem.key,
                sample=number,
                text=text,
                program=program_of(problem, text, self._prompt),
                cut=ended == self._max_tokens,
                prompt_tokens=int(prompt_tokens),
                completion_tokens=ended,
            )

    def _ended(self, row: list[int]) -> int:
        """Returns how many tokens stand before the first that ends the text."""
        ends = getattr(self._model.generation_config, "eos_token_id", None)
        stops = {ends} if isinstance(ends, int) else set(ends or ())
        stops.add(self._tokenizer.eos_token_id)
        return next((at for at, token in enumerate(row) if token in stops), len(row))

    def _text(self, problem: Problem) -> str:
        if self._prompt == "completion":
            return completion_prompt(problem)
        messages = [{"role": "user", "content": chat_prompt(problem)}]
        text: str = self._tokenizer.apply_chat_template(
            messages, tokenize=False, add_generation_prompt=True
        )
        return text
