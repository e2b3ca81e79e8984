"""Reward models behind vLLM's pooling server (``vllm serve MODEL --runner pooling``)."""

from dataclasses import asdict
from typing import Any

from ttscale.errors import VerifierError
from ttscale.verifiers.endpoint import Endpoint, EndpointSettings, Failure
from ttscale.verifiers.reward_model.encoding import beginnings
from ttscale.verifiers.reward_model.options import Passage, RewardModelOptions, Rewards
from ttscale.verifiers.reward_model.reducing import reward_of


class ServedBackend:
    """Asks a server for the logits of a sequence classification model."""

    def __init__(self, options: RewardModelOptions, settings: EndpointSettings) -> None:
        if options.step_token is not None:
            raise VerifierError(
                "Verifier 'reward-model': a server gives no rewards at step tokens. Give the model's folder as "
                "'path', or leave out 'step_token' to score the beginnings of the completion."
            )
        root = settings.base_url.removesuffix("/v1")  # pooling is no part of OpenAI's interface
        self._options = options
        self._settings = settings.model_copy(update={"base_url": root})
        self._endpoint = Endpoint(self._settings, "Verifier 'reward-model'")

    def rewards(self, passages: list[Passage]) -> list[Rewards | str]:
        """Score passages; see `Backend.rewards`."""
        texts = [beginnings(passage, self._options) for passage in passages]
        bodies = [
            self._body(passage, text)
            for passage, of_passage in zip(passages, texts, strict=True)
            for text in of_passage
        ]
        found = iter(self._endpoint.post_all("pooling", bodies, self._reward))
        return [_together([next(found) for _ in of_passage]) for of_passage in texts]

    def close(self) -> None:
        """Nothing to free."""

    def _body(self, passage: Passage, text: str) -> dict[str, Any]:
        body: dict[str, Any] = {"model": self._settings.model, "task": "classify", "use_activation": False}
        if self._options.chat_template is False:
            return body | {"input": "".join(turn.content for turn in passage.turns) + text}
        messages = [asdict(turn) for turn in passage.turns] + [{"role": "assistant", "content": text}]
        return body | {"messages": messages, "add_generation_prompt": False}

    def _reward(self, answer: Any) -> float:
        return reward_of([float(logit) for logit in answer["data"][0]["data"]], self._options)


def _together(found: list[float | Failure]) -> Rewards | str:
    rewards = []
    for reward in found:
        if isinstance(reward, Failure):
            return f"The server: {reward.reason}"
        rewards.append(reward)
    return tuple(rewards)
