// Replays tokens through a folder of count tables (see pocketlm.benchmarks.count_table).
//
//   table_runner FOLDER --tokens FILE --end ID [--steps N] [--load dictionary|mapped]
//                [--work score|distribution]
//
//   mapped:     the sorted files, memory-mapped, binary search
//   dictionary: the plain structure, one hash map per order from the n-gram to its count, in private
//               memory. It cannot list a context's followers, so that each step visits all V tokens.
//
// Both give the same probabilities: stupid backoff, divided by its sum over the vocabulary.
#include "replay.h"
#include "table_dictionary.h"
#include "table_mapped.h"

namespace {

template <typename Table>
void replay_table(Table& table, pocketlm::Replay& replay) {
  replay.loaded(table.vocabulary());
  replay.run(table);
  replay.print(0);
}

}  // namespace

int main(int count, char** arguments) {
  const auto options = pocketlm::parse_options(count, arguments, "mapped", "score");
  const bool distribution = options.work == "distribution";
  if (!distribution && options.work != "score")
    pocketlm::fail("--work is score or distribution, not %s", options.work.c_str());
  pocketlm::Replay replay(options);
  for (int order = 1; order <= pocketlm::kMostOrder; ++order)
    for (const char* part : {"keys", "counts"})
      pocketlm::track_model_file(pocketlm::table_path(options.model, order, part).c_str());
  replay.loading();
  const auto end = static_cast<uint32_t>(options.end);
  if (options.load == "mapped") {
    pocketlm::MappedTable table(options.model, end, distribution);
    replay_table(table, replay);
  } else if (options.load == "dictionary") {
    pocketlm::DictionaryTable table(options.model, end, distribution);
    replay_table(table, replay);
  } else {
    pocketlm::fail("--load is dictionary or mapped, not %s", options.load.c_str());
  }
  _exit(0);
}
