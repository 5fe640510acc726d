"""Methods that learn the velocity of a flow between noise and particles."""
