{
  "targets": [
    {
      "target_name": "sys_socket",
      "sources": [
        "addon.cc",
        "batch.cc",
        "checksum.cc",
        "epoll_set.cc",
        "file.cc",
        "filter.cc",
        "inet.cc",
        "interface.cc",
        "ioctl.cc",
        "lookup.cc",
        "netdb.cc",
        "option.cc",
        "owned.cc",
        "pinned.cc",
        "poll.cc",
        "reactor.cc",
        "reactor_thread.cc",
        "ring.cc",
        "service.cc",
        "socket.cc",
        "transfer.cc"
      ],
      "include_dirs": ["<!(node -p \"require('node-addon-api').include_dir\")"],
      "defines": [
        "NAPI_VERSION=9",
        "NAPI_DISABLE_CPP_EXCEPTIONS",
        "NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS",
        "NODE_ADDON_API_DISABLE_DEPRECATED",
        "_GNU_SOURCE"
      ],
      "cflags!": ["-Wno-unused-parameter"],
      "cflags_cc!": ["-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++20",
        "-fno-exceptions",
        "-fno-rtti",
        "-fvisibility=hidden",
        "-ffunction-sections",
        "-fdata-sections",
        "-ffile-prefix-map=<(module_root_dir)=.",
        "-fstack-protector-strong",
        "-fstack-clash-protection",
        "-fno-plt",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror"
      ],
      "ldflags": ["-Wl,-z,relro,-z,now,-z,noexecstack", "-Wl,--as-needed", "-Wl,--gc-sections", "-Wl,--exclude-libs,ALL"],
      "libraries": ["-lc", "-lgcc"],
      "conditions": [
        ["target_arch=='x64'", { "cflags_cc": ["-fcf-protection=full"] }],
        # The helpers for outline atomics in libgcc call a function of the C library that the compiler was built for;
        # musl does not have it.
        ["target_arch=='arm64'", { "cflags_cc": ["-mno-outline-atomics", "-mbranch-protection=standard"] }]
      ],
      "configurations": {
        "Release": {
          # The headers of glibc check sizes with it; those of musl ignore it. Sanitizers check more themselves.
          "cflags_cc": ["-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2"],
          # Nothing of libstdc++ is used at run time, and without it one binary works on every distribution.
          "ldflags": ["-nodefaultlibs"]
        },
        "Debug": {
          "cflags_cc": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize=vptr"],
          "ldflags": ["-fsanitize=address,undefined"]
        }
      }
    }
  ]
}
