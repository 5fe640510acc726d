"""Tokenizers: particles to codes. Trained, saved and inspected by themselves; masked modelling predicts their codes."""
