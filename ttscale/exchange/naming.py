"""Names from foreign files as names of folders: whatever they hold, they stay inside the run."""

import hashlib
import re
from pathlib import PurePath

from ttscale.exchange.contract import CellKey

_LONGEST = 100


def safe_name(text: str) -> str:
    """Return the text as one plain file name, the same for the same text.

    >>> safe_name("../a b/c")
    'a-b-c'
    """
    plain = re.sub(r"[^A-Za-z0-9._+@-]+", "-", text).strip("-.") or "unnamed"
    return plain if len(plain) <= _LONGEST else f"{plain[: _LONGEST - 9]}-{short_hash(text)}"


def cell_name(key: CellKey) -> str:
    """Return a cell's name: the model's last part, the task, and the settings that were told.

    >>> cell_name(CellKey("org/model", "gsm8k", (("sampling.temperature", 0.8),)))
    'model-gsm8k-temperature-0.8'
    """
    settings = [f"{name.rpartition('.')[2]}-{value}" for name, value in key.settings]
    name = safe_name("-".join([PurePath(key.model).name or key.model, key.task, *settings]))
    return name.replace("+", "-").replace("@", "-")  # as a configuration writes the names of its cells


def short_hash(text: str) -> str:
    """Return eight hexadecimal digits that tell texts apart."""
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=4).hexdigest()
