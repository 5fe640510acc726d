"""Methods of training a backbone: one file a method, over shared parts."""
