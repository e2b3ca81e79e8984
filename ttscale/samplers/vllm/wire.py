"""Read what an engine process sends at the price of its bytes.

vLLM's own decoder makes three NumPy arrays of every token's log-probabilities, 17 microseconds a token: more than all else
that the driver does. Here they stay as they came until somebody reads a number out of them: 1 microsecond.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import GenericAlias, SimpleNamespace
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

_PLACE = 1
"""Of the log-probabilities in a record: token ids, log-probabilities, ranks."""
_FLOAT32 = "<f4"


@contextmanager
def lightened(client: Any) -> Iterator[None]:
    """Have an engine's client leave log-probabilities packed; nothing changes for an engine in this process.

    What it decodes into is vLLM's own type with one field left as it came, so that a version with more fields is read
    as well.
    """
    decoder = getattr(client, "decoder", None)
    if decoder is None:
        yield
        return
    heavy, decode = decoder.decoder, decoder.decode

    def decode_message(frames: Any) -> Any:
        outputs = decode(frames)
        if not isinstance(frames, bytes | bytearray | memoryview) and len(frames) > 1:
            _unpack_large(outputs.outputs, frames)
        return outputs

    decoder.decoder = msgspec.msgpack.Decoder(
        _light_type(), ext_hook=decoder.ext_hook, dec_hook=decoder.dec_hook
    )
    decoder.decode = decode_message
    try:
        yield
    finally:
        decoder.decoder = heavy
        del decoder.decode  # the class's own again


def unpacked(record: Any) -> tuple[bytes, int]:
    """Return a record's log-probabilities as 32-bit floats, and how many belong to a token.

    At every token the drawn one's stands first, then the most probable ones'.

    Args:
        record: As an engine in this process gives it, or as `lightened` leaves it; None: there are none.
    """
    if isinstance(record, msgspec.Raw):
        packed = msgspec.msgpack.decode(record)
        if packed is None:
            return b"", 1
        dtype, shape, data = packed[_PLACE]
        if dtype == _FLOAT32:
            return data.data, shape[-1]
        record = SimpleNamespace(logprobs=_array(packed[_PLACE], ()))
    if record is None:
        return b"", 1
    values = record.logprobs
    return values.astype(np.float32, copy=False).tobytes(), values.shape[-1]


def _light_type() -> Any:
    from vllm.v1.engine import EngineCoreOutput, EngineCoreOutputs

    output = _with_types(EngineCoreOutput, new_logprobs=msgspec.Raw)
    return _with_types(EngineCoreOutputs, outputs=GenericAlias(list, (output,)))


def _with_types(struct: Any, **types: Any) -> Any:
    """Return a struct with the same fields, some of other types."""
    fields = [_field(field, types.get(field.name, field.type)) for field in msgspec.structs.fields(struct)]
    return msgspec.defstruct(
        f"Light{struct.__name__}", fields, array_like=struct.__struct_config__.array_like, gc=False
    )


def _field(field: Any, type_: Any) -> tuple[Any, ...]:
    if field.default is not msgspec.NODEFAULT:
        return field.name, type_, field.default
    if field.default_factory is not msgspec.NODEFAULT:
        return field.name, type_, msgspec.field(default_factory=field.default_factory)
    return field.name, type_


def _unpack_large(outputs: Sequence[Any], frames: Sequence[Any]) -> None:
    """Read records whose arrays came in frames of their own while these are at hand."""
    for output in outputs:
        if output.new_logprobs is not None:
            record = msgspec.msgpack.decode(output.new_logprobs)
            output.new_logprobs = record and SimpleNamespace(logprobs=_array(record[_PLACE], frames))


def _array(packed: Sequence[Any], frames: Sequence[Any]) -> NDArray[np.float32]:
    """Return a NumPy array as vLLM packs it: its type, its shape, and its bytes or the number of their frame."""
    dtype, shape, data = packed
    content = frames[data] if isinstance(data, int) else data.data
    return np.frombuffer(content, dtype).reshape(shape)
