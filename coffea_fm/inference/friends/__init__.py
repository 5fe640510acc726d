"""Friend files beside the events."""
