// Count tables straight from their sorted, memory-mapped files. T tokens were counted, V may be.
//
// Stupid backoff, normalised. For a context c of k tokens, c' its last k-1, and followers(c) the tokens
// seen after it:
//   S(w|c) = count(c w) / count(c) for a follower, else alpha * S(w|c')     S(w) = (count(w) + 1) / (T + V)
//   Z(c)   = sum over followers of S(w|c) + alpha * (Z(c') - sum over followers of S(w|c'))
//   P(w|c) = S(w|c) / Z(c)
// Every n-gram's shorter ends are in the tables too, so that a follower of c is one of c'.
//
// Add-k, and maximum likelihood with k = 0; c is the longest context that was seen:
//   P(w|c) = (count(c w) + k) / (count(c) + k V)
#pragma once
#include "table_files.h"

namespace pocketlm {

class Counts {
 public:
  explicit Counts(const char* folder)
      : counts_(map_orders<uint32_t>(folder, "counts", 1)), keys(folder, counts_) {
    for (size_t token = 0; token < keys.vocabulary(); ++token) total += (*counts_[0])[token];
  }

  double of(size_t order, uint64_t rank) const { return (*counts_[order - 1])[rank]; }

  // Whether the context of `length` tokens was seen; a shorter one then was too.
  bool seen(const Contexts& contexts, size_t length) const {
    const uint64_t rank = contexts.ranks[length - 1];
    return length <= keys.longest() && rank != kNone && of(length, rank) > 0;
  }

 private:
  MappedOrders<uint32_t> counts_;

 public:
  SortedKeys keys;  // made after counts_, from which it takes V
  double total = 0;
};

class StupidBackoff {
 public:
  explicit StupidBackoff(const char* folder) : counts_(folder), keys(counts_.keys) {}

  double log_probability(const Contexts& contexts, uint32_t token) const {
    double score = unigram(token);
    for (size_t length = 1; length < kMostOrder && counts_.seen(contexts, length); ++length) {
      const uint64_t context = contexts.ranks[length - 1], found = keys.find(length, context, token);
      score = found == kNone ? score * kBackoff : counts_.of(length + 1, found) / counts_.of(length, context);
    }
    return std::log(score / normaliser(contexts));
  }

  // S(.|context), and their sum.
  double distribution(const Contexts& contexts, double* scores) const {
    for (size_t token = 0; token < keys.vocabulary(); ++token) scores[token] = unigram(token);
    for (size_t length = 1; length < kMostOrder && counts_.seen(contexts, length); ++length) {
      for (size_t token = 0; token < keys.vocabulary(); ++token) scores[token] *= kBackoff;
      const uint64_t context = contexts.ranks[length - 1];
      const Followers run = keys.followers(length, context);
      for (const uint64_t* key = run.first; key != run.last; ++key)
        scores[keys.token(run, key)] = count_at(run, key, length) / counts_.of(length, context);
    }
    double sum = 0;
    for (size_t token = 0; token < keys.vocabulary(); ++token) sum += scores[token];
    return sum;
  }

  double logarithm(double score, double sum) const { return std::log(score / sum); }

 private:
  double unigram(uint64_t token) const {
    return (counts_.of(1, token) + 1) / (counts_.total + static_cast<double>(keys.vocabulary()));
  }

  double count_at(const Followers& run, const uint64_t* key, size_t length) const {
    return counts_.of(length + 1, run.place + static_cast<uint64_t>(key - run.first));
  }

  double normaliser(const Contexts& contexts) const {
    double sum = 1;
    Followers shorter{};
    for (size_t length = 1; length < kMostOrder && counts_.seen(contexts, length); ++length) {
      const Followers run = keys.followers(length, contexts.ranks[length - 1]);
      double here = 0, there = 0;
      const uint64_t* at = shorter.first;
      for (const uint64_t* key = run.first; key != run.last; ++key) {
        here += count_at(run, key, length);
        const uint64_t token = keys.token(run, key);
        if (length == 1) {
          there += unigram(token);
        } else {
          at = std::lower_bound(at, shorter.last, shorter.base + token);
          if (at == shorter.last) fail("the count tables are damaged: order %zu", length + 1);
          there += count_at(shorter, at, length - 1);
        }
      }
      if (length > 1) there /= counts_.of(length - 1, contexts.ranks[length - 2]);
      sum = here / counts_.of(length, contexts.ranks[length - 1]) + kBackoff * (sum - there);
      shorter = run;
    }
    return sum;
  }

  Counts counts_;

 public:
  const SortedKeys& keys;
};

class AddK {
 public:
  AddK(const char* folder, double k) : counts_(folder), k_(k), keys(counts_.keys) {}

  double log_probability(const Contexts& contexts, uint32_t token) const {
    const size_t length = longest_seen(contexts);
    if (length == 0) return std::log(smoothed(counts_.of(1, token), counts_.total));
    const uint64_t context = contexts.ranks[length - 1], found = keys.find(length, context, token);
    const double count = found == kNone ? 0 : counts_.of(length + 1, found);
    return std::log(smoothed(count, counts_.of(length, context)));
  }

  double distribution(const Contexts& contexts, double* probabilities) const {
    const size_t length = longest_seen(contexts);
    if (length == 0) {
      for (size_t token = 0; token < keys.vocabulary(); ++token)
        probabilities[token] = smoothed(counts_.of(1, token), counts_.total);
      return 1;
    }
    const uint64_t context = contexts.ranks[length - 1];
    const double total = counts_.of(length, context);
    std::fill_n(probabilities, keys.vocabulary(), smoothed(0, total));
    const Followers run = keys.followers(length, context);
    for (const uint64_t* key = run.first; key != run.last; ++key)
      probabilities[keys.token(run, key)] =
          smoothed(counts_.of(length + 1, run.place + static_cast<uint64_t>(key - run.first)), total);
    return 1;
  }

  double logarithm(double probability, double) const { return std::log(probability); }

 private:
  size_t longest_seen(const Contexts& contexts) const {
    size_t length = 0;
    while (length + 1 < kMostOrder && counts_.seen(contexts, length + 1)) ++length;
    return length;
  }

  double smoothed(double count, double total) const {
    return (count + k_) / (total + k_ * static_cast<double>(keys.vocabulary()));
  }

  Counts counts_;
  double k_;

 public:
  const SortedKeys& keys;
};

}  // namespace pocketlm
