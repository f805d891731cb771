// Asks Presage for suggestions (see pocketlm.benchmarks.presage).
//
//   presage_peer CONFIGURATION
//
//   stdin:  a line for each request: the text typed so far, in UTF-8
//   stdout: a line for each answer: WORD <tab> PROBABILITY for each suggestion, best first, all
//           separated by tabs; the empty line if there is none
//
// Each request is the whole context. Nothing is learnt: learn() is never called, and the
// configuration turns learning off. The first thing that Presage refuses ends the process.
#include <algorithm>
#include <cstdio>
#include <exception>
#include <iostream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <presage.h>

namespace {

// The text before the cursor; nothing is after it.
class Typed : public PresageCallback {
 public:
  std::string get_past_stream() const override { return text; }
  std::string get_future_stream() const override { return {}; }

  std::string text;
};

// Presage's own order. Without a filter this predict() does what the other one does, but gives the
// probabilities too, by which its map is sorted, equal ones as they came.
std::vector<std::pair<double, std::string>> suggestions(Presage& presage) {
  const auto found = presage.predict(std::vector<std::string>());
  std::vector<std::pair<double, std::string>> sorted(found.begin(), found.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  return sorted;
}

void answer(Presage& presage) {
  bool first = true;
  for (const auto& [probability, word] : suggestions(presage)) {
    if (word.empty()) continue;  // text2ngram counts one at the end of its text
    std::printf("%s%s\t%.17g", first ? "" : "\t", word.c_str(), probability);
    first = false;
  }
  std::putchar('\n');
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) {
    std::fprintf(stderr, "usage: presage_peer CONFIGURATION\n");
    return 2;
  }
  try {
    Typed typed;
    Presage presage(&typed, arguments[1]);
    while (std::getline(std::cin, typed.text)) answer(presage);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
