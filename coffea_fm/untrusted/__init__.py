"""Read what other people made: every reader bounds sizes and nesting first, and runs nothing that a file contains.

One file per kind of content. Each raises `Refused` with the reason; callers say which file it was and what to do.
"""
