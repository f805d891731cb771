// The files of a count table: order-N.keys (sorted uint64, context_rank * V + token) and order-N.counts
// (uint32); order 1 has counts only, one for each of the V tokens.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "replay.h"

namespace pocketlm {

constexpr int kMostOrder = 6;
constexpr double kBackoff = 0.4;  // alpha of Brants et al. 2007, "Large language models in MT"

inline std::string table_path(const char* folder, int order, const char* part) {
  return std::string(folder) + "/order-" + std::to_string(order) + "." + part;
}

// A whole file, mapped for reading; `data` is null where there is no such file, or an empty one.
template <typename T>
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    struct stat status;
    if (file < 0 || fstat(file, &status) != 0) return;
    exists = true;
    bytes_ = static_cast<size_t>(status.st_size);
    if (bytes_ % sizeof(T)) fail("%s is truncated: %zu bytes", path.c_str(), bytes_);
    if (bytes_) {
      void* memory = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file, 0);
      if (memory == MAP_FAILED) fail("%s cannot be mapped", path.c_str());
      data = static_cast<const T*>(memory);
    }
    close(file);
    count = bytes_ / sizeof(T);
  }
  ~MappedFile() {
    if (data) munmap(const_cast<T*>(data), bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  bool exists = false;
  const T* data = nullptr;
  size_t count = 0;

 private:
  size_t bytes_ = 0;
};

// One order: keys[i] was seen counts[i] times.
struct OrderFiles {
  OrderFiles(const char* folder, int order)
      : keys(table_path(folder, order, "keys")), counts(table_path(folder, order, "counts")) {
    if (order > 1 && counts.exists && keys.count != counts.count)
      fail("%s: order %d has %zu keys and %zu counts", folder, order, keys.count, counts.count);
  }
  MappedFile<uint64_t> keys;
  MappedFile<uint32_t> counts;
};

// Orders 1..N of a folder; N is where the files end.
inline std::vector<std::unique_ptr<OrderFiles>> map_table(const char* folder) {
  std::vector<std::unique_ptr<OrderFiles>> orders;
  for (int order = 1; order <= kMostOrder; ++order) {
    auto files = std::make_unique<OrderFiles>(folder, order);
    if (!files->counts.exists) break;
    orders.push_back(std::move(files));
  }
  if (orders.empty() || orders[0]->counts.count == 0) fail("%s is not a folder of count tables", folder);
  return orders;
}

}  // namespace pocketlm
