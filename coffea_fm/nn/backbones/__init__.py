"""Networks that turn a set of raw tokens into one embedding and a vector a token."""
