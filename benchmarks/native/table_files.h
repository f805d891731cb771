// The files of a folder of sorted tables (pocketlm.benchmarks.sorted_ngrams), mapped, and the contexts of
// a line in them.
//
//   order-N.keys           uint64, ascending: context_rank * V + token; orders 2 and more
//   order-N.counts         uint32, one for each key; of order 1 one for each of the V tokens
//   order-N.probabilities  float32, likewise; logarithms to base 10
//   order-N.backoffs       float32, likewise, but for the highest order
//
// An n-gram's rank is its place in the files of its order; that of a token is its id.
#pragma once
#include <sys/stat.h>

#include <memory>
#include <string>
#include <vector>

#include "replay.h"

namespace pocketlm {

constexpr int kMostOrder = 6;
constexpr double kBackoff = 0.4;  // alpha of Brants et al. 2007, "Large language models in MT"
constexpr uint64_t kNone = UINT64_MAX;

inline std::string table_path(const char* folder, int order, const char* part) {
  return std::string(folder) + "/order-" + std::to_string(order) + "." + part;
}

inline bool has_part(const char* folder, const char* part) {
  return access(table_path(folder, 1, part).c_str(), R_OK) == 0;
}

// A whole file, mapped for reading; `data` is null where there is no such file, or an empty one.
template <typename T>
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat status;
    exists = fstat(file, &status) == 0;
    bytes_ = exists ? static_cast<size_t>(status.st_size) : 0;
    const bool whole = bytes_ % sizeof(T) == 0;
    void* memory = bytes_ && whole ? mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, file, 0) : nullptr;
    close(file);
    if (!whole) fail("%s is truncated: %zu bytes", path.c_str(), bytes_);
    if (memory == MAP_FAILED) fail("%s cannot be mapped", path.c_str());
    data = static_cast<const T*>(memory);
    count = bytes_ / sizeof(T);
  }
  ~MappedFile() {
    if (data) munmap(const_cast<T*>(data), bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const T& operator[](size_t rank) const { return data[rank]; }

  bool exists = false;
  const T* data = nullptr;
  size_t count = 0;

 private:
  size_t bytes_ = 0;
};

// One part of orders `first` and up, as far as there are files.
template <typename T>
using MappedOrders = std::vector<std::unique_ptr<MappedFile<T>>>;

template <typename T>
MappedOrders<T> map_orders(const char* folder, const char* part, int first) {
  MappedOrders<T> orders;
  for (int order = first; order <= kMostOrder; ++order) {
    auto file = std::make_unique<MappedFile<T>>(table_path(folder, order, part));
    if (!file->exists) break;
    orders.push_back(std::move(file));
  }
  return orders;
}

// Where a conversation is: ranks[k-1] is that of its last k tokens, kNone if they were never seen.
struct Contexts {
  uint64_t ranks[kMostOrder - 1];
};

// The keys of a context's followers: a run of the sorted file of the next order.
struct Followers {
  const uint64_t* first;
  const uint64_t* last;
  uint64_t base;   // context_rank * V
  uint64_t place;  // of the first
};

class SortedKeys {
 public:
  // `values` are the parts that have one entry for each n-gram: counts or probabilities.
  template <typename T>
  SortedKeys(const char* folder, const MappedOrders<T>& values) : keys_(map_orders<uint64_t>(folder, "keys", 2)) {
    if (values.empty() || values[0]->count == 0) fail("%s is not a folder of tables", folder);
    vocabulary_ = values[0]->count;
    if (keys_.size() + 1 != values.size())
      fail("%s: %zu orders have keys, %zu have values", folder, keys_.size() + 1, values.size());
    for (size_t i = 0; i < keys_.size(); ++i)
      if (keys_[i]->count != values[i + 1]->count)
        fail("%s: order %zu has %zu keys and %zu values", folder, i + 2, keys_[i]->count, values[i + 1]->count);
  }

  size_t vocabulary() const { return vocabulary_; }
  size_t longest() const { return keys_.size(); }  // tokens of the longest context

  size_t size(size_t order) const { return order == 1 ? vocabulary_ : keys_[order - 2]->count; }
  uint64_t key(size_t order, uint64_t rank) const { return (*keys_[order - 2])[rank]; }

  // The place among the n-grams of order length + 1 of a context of `length` tokens and a token.
  uint64_t find(size_t length, uint64_t context, uint64_t token) const {
    const auto& keys = *keys_[length - 1];
    const uint64_t wanted = context * vocabulary_ + token;
    const uint64_t* found = std::lower_bound(keys.data, keys.data + keys.count, wanted);
    return found == keys.data + keys.count || *found != wanted ? kNone : static_cast<uint64_t>(found - keys.data);
  }

  Followers followers(size_t length, uint64_t context) const {
    const auto& keys = *keys_[length - 1];
    const uint64_t base = context * vocabulary_;
    const uint64_t* end = keys.data + keys.count;
    const uint64_t* first = std::lower_bound(keys.data, end, base);
    return {first, std::lower_bound(first, end, base + vocabulary_), base, static_cast<uint64_t>(first - keys.data)};
  }

  // The token of a follower; where keys do not ascend, as in a damaged file, it may be none.
  uint64_t token(const Followers& run, const uint64_t* key) const {
    const uint64_t token = *key - run.base;
    if (token >= vocabulary_) fail("the tables are damaged: keys do not ascend");
    return token;
  }

  // A line begins after the end token.
  Contexts begin(uint32_t end) const {
    Contexts contexts;
    std::fill_n(contexts.ranks, kMostOrder - 1, kNone);
    contexts.ranks[0] = end;
    return contexts;
  }

  Contexts advance(const Contexts& contexts, uint32_t token) const {
    Contexts next = begin(token);
    for (size_t length = 2; length <= longest(); ++length)
      if (const uint64_t shorter = contexts.ranks[length - 2]; shorter != kNone)
        next.ranks[length - 1] = find(length - 1, shorter, token);
    return next;
  }

 private:
  MappedOrders<uint64_t> keys_;
  size_t vocabulary_ = 0;
};

// A model over sorted tables, as Replay asks for one. A Table's `distribution` fills values [V] and gives
// their normaliser; `logarithm(value, normaliser)` makes a log-probability of one of them.
template <typename Table>
class SortedModel {
 public:
  SortedModel(const Table& table, uint32_t end, bool distribution) : table_(table), end_(end) {
    if (distribution) values_.resize(table.keys.vocabulary());
  }

  void begin() { move_to(table_.keys.begin(end_)); }

  double step(uint32_t token) {
    const double score = log_probability(token);
    move_to(table_.keys.advance(contexts_, token));
    return score;
  }

  double end() const { return log_probability(end_); }
  size_t state_bytes() const { return sizeof contexts_; }

 private:
  void move_to(const Contexts& contexts) {
    contexts_ = contexts;
    if (!values_.empty()) normaliser_ = table_.distribution(contexts_, values_.data());
  }

  double log_probability(uint32_t token) const {
    return values_.empty() ? table_.log_probability(contexts_, token) : table_.logarithm(values_[token], normaliser_);
  }

  const Table& table_;
  uint32_t end_;
  Contexts contexts_{};
  std::vector<double> values_;
  double normaliser_ = 1;
};

}  // namespace pocketlm
