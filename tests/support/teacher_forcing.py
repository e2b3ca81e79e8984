"""Log-probabilities of given completions by one forward pass: the independent check of what an engine reports."""

from typing import Any

from ttscale.execution.masking import mask_broken
from ttscale.samplers.locate import locate_model
from ttscale.types import Sample


class TeacherForcing:
    """Scores samples of the built-in model in float32."""

    def __init__(self) -> None:
        mask_broken()
        from transformers import AutoModelForCausalLM, AutoTokenizer

        path = locate_model("demo-arithmetic")
        self._tokenizer: Any = AutoTokenizer.from_pretrained(path)
        self._model: Any = AutoModelForCausalLM.from_pretrained(path, dtype="float32").eval()

    def token_logprobs(self, prompt: str, sample: Sample) -> list[float]:
        """Return the log-probability of every token of the sample, its end token included."""
        distributions, completion = self._distributions(prompt, sample)
        return [float(distributions[t, token]) for t, token in enumerate(completion)]

    def top_logprobs(self, prompt: str, sample: Sample, k: int) -> list[list[float]]:
        """Return the k greatest log-probabilities at every token of the sample, the greatest first."""
        distributions, _ = self._distributions(prompt, sample)
        return [sorted(at_token, reverse=True)[:k] for at_token in distributions.tolist()]

    def _distributions(self, prompt: str, sample: Sample) -> tuple[Any, list[int]]:
        """Return the model's log-probabilities where each token of the sample stands, (T, V), and those tokens."""
        import torch

        before = self._tokenizer(prompt).input_ids
        completion = self._tokenizer(sample.completion, add_special_tokens=False).input_ids
        if sample.finish_reason == "stop":
            completion = [*completion, self._tokenizer.eos_token_id]
        assert len(completion) == sample.completion_tokens
        with torch.inference_mode():
            logits = self._model(torch.tensor([before + completion])).logits[0].double()  # (L, V)
        return logits.log_softmax(-1)[len(before) - 1 : -1], completion
