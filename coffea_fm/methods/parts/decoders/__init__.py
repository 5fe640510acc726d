"""Small transformers that turn vectors of the encoder into predictions."""
