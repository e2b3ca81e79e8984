"""The sampler `openai`: any server that speaks OpenAI's interface (vLLM serve, SGLang, llama.cpp, hosted ones)."""

from ttscale.samplers.openai.options import OpenAIOptions
from ttscale.samplers.openai.sampler import OpenAISampler

__all__ = ["OpenAIOptions", "OpenAISampler"]
