"""Raw fields to network inputs: one module per group of fields, included in every exported graph."""
