"""The error of all readers of this package."""

from __future__ import annotations

from coffea_fm.errors import InputError


class Refused(InputError):
    """The content is damaged, too large, nested too deeply, or of a kind that is never read. The message is the reason."""
