"""Import weights of weaver's ParticleNet and ParticleTransformer."""
