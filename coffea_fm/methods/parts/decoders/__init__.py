"""Small transformers that turn encoder outputs into predictions."""
