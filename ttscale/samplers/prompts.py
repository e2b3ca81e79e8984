"""From a problem to prompt tokens and back to text, the same for every in-process engine."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from ttscale.errors import SamplerError
from ttscale.samplers.channels import has_channels, read_channels
from ttscale.samplers.conversations import turns_of, why_turns
from ttscale.samplers.settings import ModelSettings
from ttscale.samplers.templates import processors_template, written
from ttscale.types import Message, Problem

_CACHED_PROMPTS = 256
"""Requests of one problem arrive close together, so a few prompts suffice."""
_MISTRALS = frozenset({"MistralCommonBackend", "MistralCommonTokenizer", "MistralTokenizer"})
_CONTEXT_TOKENS = 8
"""Of the prompt's end, in whose context a completion is decoded: a character has at most four tokens."""
_NO_CHARACTER = "\ufffd"
"""What decoders say for bytes that are none, or none yet."""
_LOST = "Invalid prefix encountered"
"""How the error begins that a stream of tokens raises when it no longer knows what it said."""


class PromptEncoder:
    """Turns problems into prompt tokens with a Hugging Face tokenizer.

    Args:
        tokenizer: The model's tokenizer.
        model: Says whether and how the chat template is used.
        context_tokens: The longest sequence the engine can hold, prompt and completion together.

    Attributes:
        uses_chat_template: Whether a plain prompt becomes a user's turn.

    Raises:
        SamplerError: A chat template is demanded and the tokenizer has none.
    """

    def __init__(self, tokenizer: Any, model: ModelSettings, context_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._system_prompt = model.system_prompt
        self._context_tokens = context_tokens
        self._writes_itself = _is_mistrals(tokenizer)
        has_own = self._writes_itself or getattr(tokenizer, "chat_template", None) is not None
        beside = None if has_own else processors_template(tokenizer, model.revision)
        self._options = ({} if beside is None else {"chat_template": beside}) | dict(
            model.chat_template_options
        )
        self._has_template = has_own or beside is not None
        if model.chat_template is True and not self._has_template:
            raise SamplerError(
                f"model.chat_template is true, but the tokenizer of '{model.path}' has no chat template. "
                "Set it to false or auto for raw prompts, or choose an instruction-tuned model."
            )
        self.uses_chat_template = self._has_template if model.chat_template == "auto" else model.chat_template
        self._tokens = lru_cache(_CACHED_PROMPTS)(self._tokenize)

    def encode(self, problem: Problem) -> list[int]:
        """Return the prompt's token ids.

        Raises:
            SamplerError: The prompt leaves no room for a completion, is empty, or is a conversation that
                needs a chat template which is absent or turned off.
        """
        tokens = self._tokens(problem.prompt, self._conversation(problem))
        if not tokens:
            raise SamplerError(f"The prompt of problem '{problem.problem_id}' is empty.")
        if len(tokens) >= self._context_tokens:
            raise SamplerError(
                f"The prompt of problem '{problem.problem_id}' has {len(tokens)} tokens, but the engine's context "
                f"is {self._context_tokens}, prompt and completion together. Shorten the prompt (fewer few-shot "
                "examples), or raise engine_options.max_model_len if the model allows it."
            )
        return list(tokens)

    def _conversation(self, problem: Problem) -> tuple[Message, ...] | None:
        if problem.messages is None and self._system_prompt is None and not self.uses_chat_template:
            return None
        if not self.uses_chat_template:
            why = (
                "model.chat_template is false" if self._has_template else "the tokenizer has no chat template"
            )
            raise SamplerError(
                f"{why_turns(problem)}, but {why}. Use a model with a chat template, or a task that gives plain prompts and no "
                "system prompt."
            )
        return turns_of(problem, self._system_prompt)

    def _tokenize(self, prompt: str | None, conversation: tuple[Message, ...] | None) -> tuple[int, ...]:
        if conversation is None:
            return tuple(self._tokenizer(prompt).input_ids)
        if self._writes_itself:
            turns = [{"role": turn.role, "content": turn.content} for turn in conversation]
            tokens = self._tokenizer.apply_chat_template(
                turns, tokenize=True, add_generation_prompt=True, **self._options
            )
            return tuple(getattr(tokens, "input_ids", tokens))
        text = written(self._render, conversation)
        # The template writes the special tokens itself; adding them again would double the first one.
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    def _render(self, turns: list[dict[str, Any]]) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                turns, tokenize=False, add_generation_prompt=True, **self._options
            )
        )


def _is_mistrals(tokenizer: Any) -> bool:
    """Tell Mistral's own tokenizers: they write conversations without a template, and have no attribute for one."""
    return getattr(tokenizer, "IS_MISTRAL_TOKENIZER", False) or type(tokenizer).__name__ in _MISTRALS


class PrefixEncoder:
    """Turns what a call goes on from into tokens: those that were generated stay as they are, texts are encoded.

    Args:
        tokenizer: The model's tokenizer.
        context_tokens: The longest sequence the engine can hold.
    """

    def __init__(self, tokenizer: Any, context_tokens: int) -> None:
        self._tokenizer = tokenizer
        self._context_tokens = context_tokens
        self._of_text = lru_cache(_CACHED_PROMPTS)(self._tokenize)
        self._decoder = StreamDecoder(tokenizer) if StreamDecoder.supports(tokenizer) else None

    def encode(
        self, problem_id: str, prompt: Sequence[int], prefix: Sequence[tuple[int, ...] | str]
    ) -> tuple[list[int], str]:
        """Return the prefix as tokens and as text, decoded behind its prompt.

        Raises:
            SamplerError: Prompt and prefix leave no room for a completion.
        """
        tokens = [
            token for piece in prefix for token in (self._of_text(piece) if isinstance(piece, str) else piece)
        ]
        if len(prompt) + len(tokens) >= self._context_tokens:
            raise SamplerError(
                f"{problem_id}: its prompt of {len(prompt)} tokens and the {len(tokens)} tokens that it goes on from leave no "
                f"room in the engine's context of {self._context_tokens}. Give the strategy a smaller cap, or raise "
                "engine_options.max_model_len if the model allows it."
            )
        return tokens, self._text(prompt, tokens)

    def _tokenize(self, text: str) -> tuple[int, ...]:
        return tuple(self._tokenizer(text, add_special_tokens=False).input_ids)

    def _text(self, prompt: Sequence[int], tokens: list[int]) -> str:
        if self._decoder is None:
            return str(self._tokenizer.decode(tokens, skip_special_tokens=True))
        return self._decoder.decode(prompt, tokens)


class StreamDecoder:
    """Turns completion tokens into text as an engine streams them: in the context of the prompt.

    Decoding a completion alone would lose its leading space with many tokenizers. Needs a tokenizer of the
    `tokenizers` library; see `StreamDecoder.supports`.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._backend = tokenizer.backend_tokenizer
        self._skips_special = not has_channels(self._backend)
        self._end_of = lru_cache(_CACHED_PROMPTS)(self._end_of_prompt)

    @staticmethod
    def supports(tokenizer: Any) -> bool:
        """Whether the tokenizer has the fast backend that this needs."""
        return getattr(tokenizer, "is_fast", False) and hasattr(tokenizer, "backend_tokenizer")

    def decode(self, prompt_tokens: Sequence[int], tokens: Sequence[int], *, is_cut: bool = False) -> str:
        """Return the text of the completion, special tokens left out.

        Args:
            prompt_tokens: The prompt's.
            tokens: The completion's.
            is_cut: Whether it ended for want of tokens.
        """
        text = self._completion(prompt_tokens, tokens)
        return text if self._skips_special else read_channels(text, is_cut=is_cut)

    def _completion(self, prompt_tokens: Sequence[int], tokens: Sequence[int]) -> str:
        """Return the text of the tokens behind the prompt.

        All of it is decoded at once behind the end of the prompt, three times as fast as token by token. Where bytes are left
        that are no character, only the stream can tell what an engine would have said.
        """
        end, before = self._end_of(tuple(prompt_tokens))
        text = self._text([*end, *tokens])
        completion = text[len(before) :]
        if not text.startswith(before) or before.endswith(_NO_CHARACTER) or _NO_CHARACTER in completion:
            return self._streamed(prompt_tokens, tokens)
        return completion

    def _end_of_prompt(self, prompt_tokens: tuple[int, ...]) -> tuple[tuple[int, ...], str]:
        """Return the shortest end of the prompt that is seen to have a text, and that text.

        It must be the end of the whole prompt's text: a byte that is no character spoils all bytes that follow it.
        """
        size, whole = _CONTEXT_TOKENS, self._text(list(prompt_tokens))
        while True:
            end = prompt_tokens[-size:]
            text = self._text(list(end))
            if (text.strip() and whole.endswith(text)) or size >= len(prompt_tokens):
                return end, text
            size *= 4

    def _text(self, tokens: list[int]) -> str:
        return str(self._backend.decode(tokens, skip_special_tokens=self._skips_special))

    def _streamed(self, prompt_tokens: Sequence[int], tokens: Sequence[int]) -> str:
        from tokenizers.decoders import DecodeStream

        stream = DecodeStream(ids=list(prompt_tokens), skip_special_tokens=self._skips_special)
        pieces = []
        for token in tokens:
            try:
                piece = stream.step(self._backend, token)
            except Exception as error:  # the library has no class for it
                if not str(error).startswith(_LOST):
                    raise
                # Bytes that are no character took back what they had seemed to be; engines begin anew here, too.
                stream = DecodeStream(skip_special_tokens=self._skips_special)
                piece = stream.step(self._backend, token)
            pieces.append(piece or "")
        return "".join(pieces)
