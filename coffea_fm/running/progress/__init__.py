"""What one sees of a run: workers report each chunk, the client counts them, and shows how far the run is."""
