"""Parts that networks share: attention, feed-forward blocks, the bias from pairs, dropout, low-rank adapters."""
