"""Sampling in a vLLM engine on this machine, CPU and GPU builds through the same code."""

from ttscale.samplers.vllm.environment import engine_environment
from ttscale.samplers.vllm.options import VllmOptions
from ttscale.samplers.vllm.sampler import VllmSampler

__all__ = ["VllmOptions", "VllmSampler", "engine_environment"]
