{
  "targets": [
    {
      "target_name": "baseline",
      "sources": ["native/baseline.cc"],
      "cflags_cc": ["-std=c++20", "-Wall", "-Wextra", "-Werror"],
      "cflags_cc!": ["-std=gnu++17"],
      "defines": ["NAPI_VERSION=9", "_GNU_SOURCE"]
    }
  ]
}
