{
  "target_defaults": {
    "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Werror", "-O2"],
    "cflags_cc!": ["-std=gnu++17"],
    "defines": ["_GNU_SOURCE"]
  },
  "targets": [
    {
      "target_name": "baseline",
      "sources": ["native/baseline.cc"],
      "defines": ["NAPI_VERSION=9"]
    },
    {
      "target_name": "checksum",
      "sources": ["native/checksum.cc"],
      "defines": ["NAPI_VERSION=9"]
    },
    { "target_name": "load", "type": "executable", "sources": ["native/load.cc"] },
    { "target_name": "server", "type": "executable", "sources": ["native/server.cc"] },
    { "target_name": "flood", "type": "executable", "sources": ["native/flood.cc"] },
    { "target_name": "reader", "type": "executable", "sources": ["native/reader.cc"] }
  ]
}
