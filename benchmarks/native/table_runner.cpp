// Replays tokens through a folder of sorted tables.
//
//   table_runner FOLDER --tokens FILE --end ID [--steps N] [--load dictionary|mapped]
//                [--work score|distribution] [--add-k K]
//
//   mapped:     the sorted files, memory-mapped, binary search
//   dictionary: the plain structure, one hash map per order from the n-gram to its count, in private
//               memory. It cannot list a context's followers, so that each step visits all V tokens.
//
// What is in the folder says which model it is:
//   counts                             stupid backoff, divided by its sum over the vocabulary; the same
//                                      probabilities from either layout
//   counts, with --add-k               add-k; --add-k 0 is maximum likelihood; mapped alone
//   probabilities, backoffs            Kneser-Ney or what an ARPA file held; mapped alone
#include "table_backoff.h"
#include "table_dictionary.h"
#include "table_mapped.h"

namespace {

template <typename Model>
void replay_model(Model& model, size_t vocabulary, pocketlm::Replay& replay) {
  replay.loaded(vocabulary);
  replay.run(model);
  replay.print(0);
}

template <typename Table>
void replay_mapped(const Table& table, const pocketlm::Options& options, pocketlm::Replay& replay) {
  pocketlm::SortedModel<Table> model(table, static_cast<uint32_t>(options.end), options.work == "distribution");
  replay_model(model, table.keys.vocabulary(), replay);
}

}  // namespace

int main(int count, char** arguments) {
  const auto options = pocketlm::parse_options(count, arguments, "mapped", "score");
  const bool distribution = options.work == "distribution", arrays = pocketlm::has_part(options.model, "probabilities");
  const bool smoothed = options.add_k >= 0;
  if (!distribution && options.work != "score")
    pocketlm::fail("--work is score or distribution, not %s", options.work.c_str());
  if (options.load != "mapped" && (options.load != "dictionary" || arrays || smoothed))
    pocketlm::fail(arrays || smoothed ? "--load is mapped, not %s" : "--load is dictionary or mapped, not %s",
                   options.load.c_str());
  if (arrays && smoothed) pocketlm::fail("--add-k is for counts, not for probabilities");
  pocketlm::Replay replay(options);
  for (int order = 1; order <= pocketlm::kMostOrder; ++order)
    for (const char* part : {"keys", "counts", "probabilities", "backoffs"})
      pocketlm::track_model_file(pocketlm::table_path(options.model, order, part).c_str());
  replay.loading();
  if (arrays) {
    replay_mapped(pocketlm::BackoffArrays(options.model), options, replay);
  } else if (smoothed) {
    replay_mapped(pocketlm::AddK(options.model, options.add_k), options, replay);
  } else if (options.load == "mapped") {
    replay_mapped(pocketlm::StupidBackoff(options.model), options, replay);
  } else {
    pocketlm::DictionaryTable table(options.model, static_cast<uint32_t>(options.end), distribution);
    replay_model(table, table.vocabulary(), replay);
  }
  _exit(0);
}
