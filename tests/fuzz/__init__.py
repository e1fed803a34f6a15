"""What reads bytes of strangers, fuzzed: `make fuzz`, which needs atheris; a look with each test.

A target is a module with `SEEDS`, inputs to begin from, and `check`, which takes any bytes and
raises if a promise is broken. It knows nothing of what calls it: `tests.fuzz.__main__` gives it to
atheris, which is guided by what an input reached, and `test_targets` to hypothesis.
"""
