"""Raw fields to network inputs: one module for each group of fields, part of every exported graph."""
