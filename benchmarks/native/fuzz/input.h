// What the fuzz targets share: an input's parts as files of a folder, and what an input may end with.
//
//   4 bytes little endian: length, then as many bytes, for each part   (tests/fuzz/parts.py)
#pragma once
#include <sys/stat.h>

#include <string>
#include <vector>

#include "../harness.h"

namespace pocketlm {

inline std::vector<std::string> split_parts(const uint8_t* data, size_t size, size_t count) {
  std::vector<std::string> parts;
  size_t at = 0;
  for (size_t i = 0; i < count; ++i) {
    uint32_t length = 0;
    if (size - at >= 4) {
      memcpy(&length, data + at, 4);
      at += 4;
    }
    length = static_cast<uint32_t>(std::min<size_t>(length, size - at));
    parts.emplace_back(reinterpret_cast<const char*>(data + at), length);
    at += length;
  }
  return parts;
}

// A folder in memory, for as long as the process runs.
inline const std::string& fuzz_folder() {
  static const std::string folder = [] {
    char name[] = "/dev/shm/pocketlm-fuzz.XXXXXX";
    if (!mkdtemp(name)) abort();
    return std::string(name);
  }();
  return folder;
}

inline std::string write_file(const std::string& name, const std::string& content) {
  const std::string path = fuzz_folder() + "/" + name;
  FILE* file = fopen(path.c_str(), "wb");
  if (!file || fwrite(content.data(), 1, content.size(), file) != content.size() || fclose(file) != 0) abort();
  return path;
}

// The runner's own refusal is as good as success; anything else that is thrown is a finding.
template <typename Run>
int try_input(Run run) {
  try {
    run();
  } catch (const std::runtime_error&) {
  }
  fuzzed_arrays.clear();
  return 0;
}

}  // namespace pocketlm
