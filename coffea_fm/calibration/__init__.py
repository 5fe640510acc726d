"""What scores mean: whether they are probabilities, where to cut, and where that was measured."""
