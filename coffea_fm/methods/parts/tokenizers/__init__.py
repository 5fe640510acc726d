"""Tokenizers map particles to codes. They are trained and inspected separately; masked modelling predicts the codes."""
