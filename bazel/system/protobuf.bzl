"""C++ from a .proto file by Debian's protoc."""

def cc_protobuf(name, src, imports = []):
    """A cc_library with the messages of one schema.

    Args:
      name: of the library; also of the generated files' target.
      src: the .proto file of this package.
      imports: .proto files of this package that `src` imports; their libraries
        are their names without ".proto".
    """
    base = src[:-len(".proto")]
    package = native.package_name()
    native.genrule(
        name = name + "_protoc",
        srcs = [src] + imports,
        outs = [base + ".pb.cc", base + ".pb.h"],
        cmd = "/usr/bin/protoc -I. --cpp_out=$(GENDIR) " + package + "/" + src,
    )
    native.cc_library(
        name = name,
        srcs = [base + ".pb.cc"],
        hdrs = [base + ".pb.h"],
        copts = ["-Wno-unused-parameter"],
        deps = ["@system//:protobuf"] + [":" + i[:-len(".proto")] for i in imports],
    )
