"""Nothing is computed twice: backbones in common, and systematic variations."""
