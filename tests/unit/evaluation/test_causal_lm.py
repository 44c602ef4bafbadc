"""A tiny language model with random weights, saved and loaded as a real one is."""

import os

import pytest

from coding_envs.data import ProblemSet
from coding_envs.errors import CodingEnvsError, InvalidValueError
from coding_envs.evaluation import CausalLMWriter
from coding_envs.problem import Problem, StdioTest

os.environ.setdefault("HF_HUB_OFFLINE", "1")

PROBLEMS = ProblemSet(
    [Problem("d", key, f"Say {key}.", hidden_tests=(StdioTest("", key),)) for key in "abc"],
    name="d",
)
WANTED = [(key, number) for key in "abc" for number in range(2)]
TEMPLATE = "{% for m in messages %}<u>{{ m.content }}{% endfor %}<a>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Folders with a model: "plain", and "chat" with a chat template."""
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {piece: at for at, piece in enumerate(["<eos>", *alphabet])}
    tokenizer = tokenizers.Tokenizer(tokenizers.models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<eos>")
    config = transformers.LlamaConfig(
        vocab_size=len(vocabulary), hidden_size=32, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=128,
        bos_token_id=0, eos_token_id=0,
    )  # fmt: skip
    model = transformers.LlamaForCausalLM(config)
    folder = tmp_path_factory.mktemp("models")
    for name in ("plain", "chat"):
        model.save_pretrained(folder / name)
        fast.chat_template = TEMPLATE if name == "chat" else None
        fast.save_pretrained(folder / name)
    return folder


def write(folder, wanted=WANTED, **kwargs):
    writer = CausalLMWriter(folder, **({"max_tokens": 12} | kwargs))
    found = list(writer.write(PROBLEMS, wanted))
    writer.close()
    return found


def test_greedy_samples_are_the_models_own(folder):
    import torch
    import transformers

    found = write(folder / "plain", batch_size=4)
    assert [(w.key, w.sample) for w in found] == WANTED
    assert found[0].program == found[1].program
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder / "plain")
    model = transformers.AutoModelForCausalLM.from_pretrained(folder / "plain").eval()
    for one in found[::2]:
        ids = tokenizer(f'"""\nSay {one.key}.\n"""\n').input_ids
        start = len(ids)
        with torch.no_grad():
            for _ in range(12):
                ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
                if ids[-1] == 0:
                    break
        text = tokenizer.decode(ids[start:], skip_special_tokens=True)
        assert (one.text, one.prompt_tokens) == (text, start)
        assert one.cut is (ids[-1] != 0)


def test_the_same_seed_writes_the_same_and_another_does_not(folder):
    first = write(folder / "plain", temperature=1.0, seed=1)
    assert first == write(folder / "plain", temperature=1.0, seed=1)
    assert first != write(folder / "plain", temperature=1.0, seed=2)
    assert first[0].text != first[1].text


def test_a_chat_template_is_used_where_there_is_one(folder):
    plain = CausalLMWriter(folder / "plain", max_tokens=4)
    chat = CausalLMWriter(folder / "chat", max_tokens=4)
    assert plain.settings["prompt"] == "completion"
    assert chat.settings["prompt"] == "chat"
    text = chat._text(PROBLEMS[0])
    assert text.startswith("<u>Write a Python program")
    assert text.endswith("<a>")
    (one,) = chat.write(PROBLEMS, [("a", 0)])
    assert one.prompt_tokens == 124  # the longest that leaves room
    with pytest.raises(InvalidValueError, match="has no chat template; use prompt=completion"):
        CausalLMWriter(folder / "plain", prompt="chat", max_tokens=4)


def test_wrong_calls(folder, tmp_path):
    with pytest.raises(InvalidValueError, match="max_tokens must be below the 128"):
        CausalLMWriter(folder / "plain", max_tokens=128)
    with pytest.raises(CodingEnvsError, match=r"^model '.*' cannot be loaded: [^\n]*$"):
        CausalLMWriter(tmp_path / "none")
    with pytest.raises(InvalidValueError, match="batch_size must be >= 1, got 0"):
        CausalLMWriter(folder / "plain", batch_size=0)
