"""What the options of plugins and the settings of a configuration derive from."""

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Values that are checked once and stay: a key that nobody knows is an error, and so is a change."""

    model_config = ConfigDict(extra="forbid", frozen=True)
