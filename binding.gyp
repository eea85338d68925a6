{
  "targets": [
    {
      "target_name": "sys_socket",
      "sources": [
        "native/addon.cc",
        "native/batch.cc",
        "native/file.cc",
        "native/filter.cc",
        "native/inet.cc",
        "native/interface.cc",
        "native/netdb.cc",
        "native/option.cc",
        "native/owned.cc",
        "native/pinned.cc",
        "native/poll.cc",
        "native/reactor.cc",
        "native/reactor_thread.cc",
        "native/ring.cc",
        "native/socket.cc",
        "native/transfer.cc"
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
      "cflags_cc!": ["-fno-rtti", "-std=gnu++17", "-std=gnu++20"],
      "cflags_cc": [
        "-std=c++20",
        "-fno-exceptions",
        "-fvisibility=hidden",
        "-fstack-protector-strong",
        "-fno-plt",
        "-Wall",
        "-Wextra",
        "-Wpedantic",
        "-Werror"
      ],
      "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,--exclude-libs,ALL"],
      "configurations": {
        "Debug": {
          "cflags_cc": ["-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address,undefined", "-fno-sanitize=vptr"],
          "ldflags": ["-fsanitize=address,undefined"]
        }
      }
    }
  ]
}
