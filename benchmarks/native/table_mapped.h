// Count tables straight from their sorted, memory-mapped files.
//
// For a context c of k tokens, c' its last k-1, and followers(c) the tokens seen after it:
//   S(w|c) = count(c w) / count(c) for a follower, else alpha * S(w|c')     S(w) = (count(w) + 1) / (T + V)
//   Z(c)   = sum over followers of S(w|c) + alpha * (Z(c') - sum over followers of S(w|c'))
//   P(w|c) = S(w|c) / Z(c)
// Every n-gram's shorter ends are in the tables too, so that a follower of c is one of c'.
#pragma once
#include <algorithm>
#include <cmath>

#include "table_files.h"

namespace pocketlm {

class MappedTable {
 public:
  MappedTable(const char* folder, uint32_t end, bool distribution)
      : orders_(map_table(folder)), end_(end), distribution_(distribution) {
    const auto& unigrams = orders_[0]->counts;
    for (size_t token = 0; token < unigrams.count; ++token) total_ += unigrams.data[token];
    total_ += static_cast<double>(unigrams.count);
    if (distribution_) scores_.resize(unigrams.count);
  }

  size_t vocabulary() const { return orders_[0]->counts.count; }

  void begin() {
    depth_ = orders_.size() > 1 && count_of(0, end_) > 0 ? 1 : 0;
    ranks_[1] = end_;
    look_ahead();
  }

  double step(uint32_t token) {
    const double score = log_probability(token);
    advance(token);
    look_ahead();
    return score;
  }

  double end() { return log_probability(end_); }

 private:
  // Keys of one order that share a context: a run of the sorted file.
  struct Followers {
    const uint64_t* first;
    const uint64_t* last;
    uint64_t base;  // context_rank * V
  };

  // ranks_[k], k = 1..depth_: the place of the last k tokens among the n-grams of order k. The list
  // ends at the longest context that was seen; a longer one cannot be.
  void advance(uint32_t token) {
    uint64_t next[kMostOrder + 1];
    size_t depth = 0;
    const size_t longest = std::min(depth_ + 1, orders_.size() - 1);
    for (size_t length = 1; length <= longest; ++length) {
      if (length == 1) {
        if (count_of(0, token) == 0) break;
        next[1] = token;
      } else {
        const Followers run = followers(length - 1);
        const uint64_t* found = std::lower_bound(run.first, run.last, run.base + token);
        if (found == run.last || *found != run.base + token) break;
        next[length] = static_cast<uint64_t>(found - orders_[length - 1]->keys.data);
      }
      depth = length;
    }
    std::copy(next + 1, next + depth + 1, ranks_ + 1);
    depth_ = depth;
  }

  // Of the context of `length` tokens.
  Followers followers(size_t length) const {
    const auto& keys = orders_[length]->keys;
    const uint64_t base = ranks_[length] * vocabulary();
    const uint64_t* end = keys.data + keys.count;
    const uint64_t* first = std::lower_bound(keys.data, end, base);
    return {first, std::lower_bound(first, end, base + vocabulary()), base};
  }

  uint32_t count_of(size_t order_index, uint64_t rank) const { return orders_[order_index]->counts.data[rank]; }
  double context_count(size_t length) const { return count_of(length - 1, ranks_[length]); }
  double unigram(uint64_t token) const { return (count_of(0, token) + 1.0) / total_; }

  double count_at(const uint64_t* key, size_t length) const {
    return count_of(length, static_cast<uint64_t>(key - orders_[length]->keys.data));
  }

  double log_probability(uint32_t token) const {
    if (distribution_) return std::log(scores_[token] / normaliser_);
    double score = unigram(token);
    for (size_t length = 1; length <= depth_; ++length) {
      const Followers run = followers(length);
      const uint64_t* found = std::lower_bound(run.first, run.last, run.base + token);
      if (found != run.last && *found == run.base + token)
        score = count_at(found, length) / context_count(length);
      else
        score *= kBackoff;
    }
    return std::log(score / normaliser());
  }

  double normaliser() const {
    double sum = 1;
    Followers shorter{};
    for (size_t length = 1; length <= depth_; ++length) {
      const Followers run = followers(length);
      double here = 0, there = 0;
      const uint64_t* at = shorter.first;
      for (const uint64_t* key = run.first; key != run.last; ++key) {
        here += count_at(key, length);
        const uint64_t token = *key - run.base;
        if (length == 1) {
          there += unigram(token);
        } else {
          at = std::lower_bound(at, shorter.last, shorter.base + token);
          if (at == shorter.last) fail("the count tables are damaged: order %zu", length + 1);
          there += count_at(at, length - 1);
        }
      }
      if (length > 1) there /= context_count(length - 1);
      sum = here / context_count(length) + kBackoff * (sum - there);
      shorter = run;
    }
    return sum;
  }

  // Fill scores_ [V] with S(.|context), and their sum.
  void look_ahead() {
    if (!distribution_) return;
    for (size_t token = 0; token < scores_.size(); ++token) scores_[token] = unigram(token);
    for (size_t length = 1; length <= depth_; ++length) {
      for (double& score : scores_) score *= kBackoff;
      const Followers run = followers(length);
      for (const uint64_t* key = run.first; key != run.last; ++key)
        scores_[*key - run.base] = count_at(key, length) / context_count(length);
    }
    normaliser_ = 0;
    for (const double score : scores_) normaliser_ += score;
  }

  std::vector<std::unique_ptr<OrderFiles>> orders_;
  uint32_t end_;
  bool distribution_;
  double total_ = 0;
  uint64_t ranks_[kMostOrder + 1] = {};
  size_t depth_ = 0;
  std::vector<double> scores_;
  double normaliser_ = 1;
};

}  // namespace pocketlm
