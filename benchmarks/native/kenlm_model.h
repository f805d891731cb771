// KenLM over token ids: word "17" is token 17, and the end token is KenLM's </s>.
#pragma once
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "lm/binary_format.hh"
#include "lm/model.hh"

namespace pocketlm {

constexpr double kNaturalLogOf10 = 2.302585092994045684;

// KenLM's fourth method, the parallel read, was taken out of its sources.
inline util::LoadMethod load_method(const std::string& name) {
  if (name == "lazy") return util::LAZY;
  if (name == "populate") return util::POPULATE_OR_LAZY;
  if (name == "read") return util::READ;
  throw std::runtime_error("--load is lazy, populate or read, not " + name);
}

class KenlmModel {
 public:
  using State = lm::ngram::State;

  KenlmModel(const char* path, const std::string& load, size_t vocabulary, size_t end) {
    lm::ngram::ModelType type;
    if (!lm::ngram::RecognizeBinary(path, type))
      throw std::runtime_error(std::string(path) + " is not a KenLM binary file");
    lm::ngram::Config config;
    config.load_method = load_method(load);
    config.messages = nullptr;
    model_.reset(lm::ngram::LoadVirtual(path, config));
    words_.resize(vocabulary);
    for (size_t token = 0; token < vocabulary; ++token)
      words_[token] = token == end ? model_->BaseVocabulary().EndSentence()
                                   : model_->BaseVocabulary().Index(std::to_string(token));
  }

  size_t vocabulary() const { return words_.size(); }
  State begin() const { return *static_cast<const State*>(model_->BeginSentenceMemory()); }
  // The empty context, where not even the beginning of a line is known.
  State begin_inside() const { return *static_cast<const State*>(model_->NullContextMemory()); }

  // Natural log-probability of `token` after `in`; `out`, which is not `in`, becomes the state past it.
  double score(const State& in, size_t token, State& out) const {
    return kNaturalLogOf10 * static_cast<double>(model_->BaseScore(&in, words_[token], &out));
  }

  // log_probabilities [V]: one score per token, as KenLM has no other way to a distribution.
  void distribution(const State& in, float* log_probabilities) const {
    State unused;
    for (size_t token = 0; token < words_.size(); ++token)
      log_probabilities[token] = static_cast<float>(score(in, token, unused));
  }

 private:
  std::unique_ptr<lm::base::Model> model_;
  std::vector<lm::WordIndex> words_;
};

}  // namespace pocketlm
