// Backoff arrays (pocketlm.benchmarks.backoff_table) straight from their memory-mapped files.
//
// For a context c, c' without its oldest token, and logarithms p and b as ARPA files have them:
//   log P(w|c) = p(c w) if the n-gram is there, else b(c) + log P(w|c')        b = 0 where c is not
#pragma once
#include "table_files.h"

namespace pocketlm {

constexpr double kNaturalLogOf10 = 2.302585092994045684;

class BackoffArrays {
 public:
  explicit BackoffArrays(const char* folder)
      : probabilities_(map_orders<float>(folder, "probabilities", 1)),
        backoffs_(map_orders<float>(folder, "backoffs", 1)),
        keys(folder, probabilities_) {
    for (size_t length = 1; length <= keys.longest(); ++length)
      if (backoffs_.size() < length || backoffs_[length - 1]->count != probabilities_[length - 1]->count)
        fail("%s: order %zu has not as many backoffs as probabilities", folder, length);
  }

  double log_probability(const Contexts& contexts, uint32_t token) const {
    double logarithm = (*probabilities_[0])[token];
    for (size_t length = 1; length <= keys.longest(); ++length) {
      const uint64_t context = contexts.ranks[length - 1];
      if (context == kNone) continue;
      const uint64_t found = keys.find(length, context, token);
      logarithm = found == kNone ? logarithm + static_cast<double>((*backoffs_[length - 1])[context])
                                 : (*probabilities_[length])[found];
    }
    return kNaturalLogOf10 * logarithm;
  }

  // Logarithms to base 10 [V]: a longer context's followers over what backing off gives.
  double distribution(const Contexts& contexts, double* logarithms) const {
    const auto& unigrams = *probabilities_[0];
    std::copy(unigrams.data, unigrams.data + unigrams.count, logarithms);
    for (size_t length = 1; length <= keys.longest(); ++length) {
      const uint64_t context = contexts.ranks[length - 1];
      if (context == kNone) continue;
      const double backoff = (*backoffs_[length - 1])[context];
      for (size_t token = 0; token < unigrams.count; ++token) logarithms[token] += backoff;
      const Followers run = keys.followers(length, context);
      const float* probability = probabilities_[length]->data + run.place;
      for (const uint64_t* key = run.first; key != run.last; ++key) logarithms[keys.token(run, key)] = *probability++;
    }
    return 1;
  }

  double logarithm(double logarithm, double) const { return kNaturalLogOf10 * logarithm; }

 private:
  MappedOrders<float> probabilities_, backoffs_;

 public:
  SortedKeys keys;  // made after probabilities_, from which it takes V
};

}  // namespace pocketlm
