"""Networks in torch: features, backbones and heads."""
