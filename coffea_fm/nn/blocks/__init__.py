"""Building blocks: attention, transformer layers, pair bias, dropout and low-rank adapters."""
