"""Fuzz targets that run as tests everywhere and under libFuzzer with clang."""

def varve_fuzz_test(name, srcs, deps, data = []):
    """A fuzz target.

    By default a test whose driver feeds generated and mutated inputs for
    VARVE_FUZZ_SECONDS (5); with --config=fuzz a libFuzzer program.

    Args:
      name: of the target.
      srcs: files that define LLVMFuzzerTestOneInput, and perhaps
        VarveFuzzSeeds of seeds.h.
      deps: libraries under test.
      data: files of inputs to start from.
    """
    native.cc_test(
        name = name,
        size = "medium",
        srcs = srcs,
        args = ["$(locations %s)" % f for f in data],
        data = data,
        linkopts = select({
            "//tests/fuzz:libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        tags = ["fuzz"],
        deps = deps + ["//tests/fuzz:seeds"] + select({
            "//tests/fuzz:libfuzzer": [],
            "//conditions:default": ["//tests/fuzz:driver"],
        }),
    )
