"""Methods that pull views of the same jet together and push different jets apart."""

from __future__ import annotations
