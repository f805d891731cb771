// Count tables as they are first written down: for each order a dictionary from n-gram to count.
//
//   sorted files -> (decoded once, then unmapped) -> std::unordered_map<Ngram, count> per order
#pragma once
#include <array>
#include <unordered_map>

#include "table_files.h"

namespace pocketlm {

// Up to six tokens of 16 bits, the oldest first; places not used are zero (maps hold one order each).
using Ngram = std::array<uint16_t, kMostOrder>;

struct NgramHash {
  size_t operator()(const Ngram& ngram) const noexcept {
    uint64_t hash = 0;
    for (const uint16_t token : ngram) hash = (hash + token + 1) * 0x9e3779b97f4a7c15u;
    return hash ^ (hash >> 32);
  }
};

class DictionaryTable {
 public:
  DictionaryTable(const char* folder, uint32_t end, bool distribution)
      : end_(end), distribution_(distribution) {
    const auto counts = map_orders<uint32_t>(folder, "counts", 1);
    const SortedKeys keys(folder, counts);
    vocabulary_ = keys.vocabulary();
    if (vocabulary_ > 65536) fail("%s: more than 65536 tokens", folder);
    maps_.resize(counts.size());
    for (size_t i = 0; i < counts.size(); ++i) {
      maps_[i].reserve(counts[i]->count);
      for (size_t rank = 0; rank < counts[i]->count; ++rank) {
        const uint32_t count = (*counts[i])[rank];
        if (count) maps_[i].emplace(decode(keys, i + 1, rank), count);
        if (i == 0) total_ += count + 1.0;
      }
    }
    if (distribution_) scores_.resize(vocabulary_);
  }

  size_t vocabulary() const { return vocabulary_; }

  void begin() {
    context_ = {static_cast<uint16_t>(end_)};
    length_ = 1;
    shorten();
    look_ahead();
  }

  double step(uint32_t token) {
    const double score = log_probability(token);
    if (length_ + 1 == static_cast<size_t>(kMostOrder)) drop_oldest();
    context_[length_++] = static_cast<uint16_t>(token);
    shorten();
    look_ahead();
    return score;
  }

  double end() const { return log_probability(end_); }
  size_t state_bytes() const { return sizeof context_ + sizeof length_; }

 private:
  static Ngram decode(const SortedKeys& keys, size_t order, uint64_t rank) {
    Ngram ngram{};
    for (; order > 1; --order) {
      const uint64_t key = keys.key(order, rank);
      ngram[order - 1] = static_cast<uint16_t>(key % keys.vocabulary());
      rank = key / keys.vocabulary();
      if (rank >= keys.size(order - 1)) fail("the count tables are damaged: order %zu", order);
    }
    ngram[0] = static_cast<uint16_t>(rank);
    return ngram;
  }

  uint32_t count(const Ngram& ngram, size_t order) const {
    const auto found = maps_[order - 1].find(ngram);
    return found == maps_[order - 1].end() ? 0 : found->second;
  }

  void drop_oldest() {
    std::copy(context_.begin() + 1, context_.end(), context_.begin());
    context_[--length_] = 0;
  }

  // Drop the oldest tokens until the context is short enough and was seen.
  void shorten() {
    while (length_ > 0 && (length_ >= maps_.size() || !count(context_, length_))) drop_oldest();
    for (size_t length = 1; length <= length_; ++length) {
      suffixes_[length] = {};
      std::copy(context_.begin() + static_cast<long>(length_ - length),
                context_.begin() + static_cast<long>(length_), suffixes_[length].begin());
      totals_[length] = count(suffixes_[length], length);
    }
  }

  double score(uint32_t token) const {
    double backoff = 1;
    for (size_t length = length_; length > 0; --length) {
      Ngram ngram = suffixes_[length];
      ngram[length] = static_cast<uint16_t>(token);
      if (const uint32_t seen = count(ngram, length + 1)) return backoff * seen / totals_[length];
      backoff *= kBackoff;
    }
    return backoff * (count({static_cast<uint16_t>(token)}, 1) + 1.0) / total_;
  }

  double log_probability(uint32_t token) const {
    if (distribution_) return std::log(scores_[token] / normaliser_);
    double sum = 0;
    for (uint32_t other = 0; other < vocabulary_; ++other) sum += score(other);
    return std::log(score(token) / sum);
  }

  void look_ahead() {
    if (!distribution_) return;
    normaliser_ = 0;
    for (uint32_t token = 0; token < vocabulary_; ++token) normaliser_ += scores_[token] = score(token);
  }

  uint32_t end_;
  bool distribution_;
  size_t vocabulary_ = 0, length_ = 0;
  double total_ = 0, normaliser_ = 1;
  Ngram context_{};
  std::array<Ngram, kMostOrder + 1> suffixes_{};
  std::array<double, kMostOrder + 1> totals_{};
  std::vector<std::unordered_map<Ngram, uint32_t, NgramHash>> maps_;
  std::vector<double> scores_;
};

}  // namespace pocketlm
