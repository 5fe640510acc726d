"""Networks that turn an embedding into an answer."""
