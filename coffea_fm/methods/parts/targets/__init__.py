"""What is to be predicted of a hidden particle: one file a target."""
