// Replays tokens through a KenLM binary file.
//
//   kenlm_runner MODEL.binary --tokens FILE --end ID --vocabulary V [--steps N]
//                [--load lazy|populate|read] [--work score|distribution] [--pressure]
//
// A step of `score` asks for the one token that comes; a step of `distribution` moves past the token
// and asks for all V that may follow, as a keyboard must. `read` copies the file into private memory.
#include "kenlm_model.h"
#include "replay.h"

namespace {

class Replayed {
 public:
  Replayed(const pocketlm::KenlmModel& model, size_t end, float* distribution)
      : model_(model), end_(end), distribution_(distribution) {}

  void begin() {
    state_ = model_.begin();
    if (distribution_) model_.distribution(state_, distribution_);
  }

  double step(int32_t token) {
    pocketlm::KenlmModel::State next;
    const double scored = model_.score(state_, static_cast<size_t>(token), next);
    state_ = next;
    if (!distribution_) return scored;
    const double predicted = distribution_[token];
    model_.distribution(state_, distribution_);
    return predicted;
  }

  double end() {
    pocketlm::KenlmModel::State unused;
    return distribution_ ? distribution_[end_] : model_.score(state_, end_, unused);
  }

  size_t state_bytes() const { return sizeof state_; }

 private:
  const pocketlm::KenlmModel& model_;
  size_t end_;
  float* distribution_;
  pocketlm::KenlmModel::State state_;
};

}  // namespace

int main(int count, char** arguments) {
  const auto options = pocketlm::parse_options(count, arguments, "lazy", "score");
  if (options.work != "score" && options.work != "distribution")
    pocketlm::fail("--work is score or distribution, not %s", options.work.c_str());
  if (options.vocabulary <= options.end) pocketlm::fail("--vocabulary must be above --end");
  pocketlm::Replay replay(options);
  replay.loading();
  const auto vocabulary = static_cast<size_t>(options.vocabulary);
  const auto end = static_cast<size_t>(options.end);
  std::unique_ptr<pocketlm::KenlmModel> model;
  try {
    model = std::make_unique<pocketlm::KenlmModel>(options.model, options.load, vocabulary, end);
  } catch (const std::exception& error) {
    pocketlm::fail("%s: %s", options.model, error.what());
  }
  std::vector<float> distribution(options.work == "distribution" ? vocabulary : 0);
  replay.loaded(vocabulary);
  Replayed replayed(*model, end, distribution.empty() ? nullptr : distribution.data());
  replay.run(replayed);
  replay.print(0);
  _exit(0);
}
