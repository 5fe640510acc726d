"""Foundation models in coffea analyses."""
