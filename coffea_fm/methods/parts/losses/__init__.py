"""What self-supervised methods minimise, for each jet where that is possible; always in single precision."""

from __future__ import annotations
