"""Events of HH -> 4b and its backgrounds, with jets of two radii, weights and truth."""
