// A folder of tables as the table runner reads it: the first byte says which model; then its files.
#include "input.h"

#include "../table_backoff.h"
#include "../table_dictionary.h"
#include "../table_mapped.h"

namespace {

using pocketlm::fail;

constexpr uint32_t kEnd = 1;
const char* const kCounts[] = {"order-1.counts", "order-2.counts", "order-3.counts", "order-2.keys", "order-3.keys"};
const char* const kBackoffs[] = {"order-1.probabilities", "order-2.probabilities", "order-3.probabilities",
                                 "order-1.backoffs",      "order-2.backoffs",      "order-2.keys",
                                 "order-3.keys"};

template <typename Names>
void write_files(const Names& names, const uint8_t* data, size_t size) {
  for (const char* name : kCounts) unlink((pocketlm::fuzz_folder() + "/" + name).c_str());
  for (const char* name : kBackoffs) unlink((pocketlm::fuzz_folder() + "/" + name).c_str());
  size_t i = 0;
  for (const std::string& part : pocketlm::split_parts(data, size, std::size(names)))
    pocketlm::write_file(names[i++], part);
}

// As Replay has it: tokens are below V, the end token among them.
template <typename Model>
void step(Model& model, size_t vocabulary) {
  if (vocabulary <= kEnd) fail("the end token is outside the vocabulary");
  for (int line = 0; line < 2; ++line) {
    model.begin();
    for (const uint32_t token : {17u, 2u, 17u, 300u, 5u, 2u}) model.step(token % static_cast<uint32_t>(vocabulary));
    model.end();
  }
}

template <typename Table>
void step_mapped(const Table& table, bool distribution) {
  if (table.keys.vocabulary() <= kEnd) fail("the end token is outside the vocabulary");
  pocketlm::SortedModel<Table> model(table, kEnd, distribution);
  step(model, table.keys.vocabulary());
}

void run(uint8_t kind, const uint8_t* data, size_t size) {
  const char* folder = pocketlm::fuzz_folder().c_str();
  const bool distribution = kind & 1;
  if (kind / 2 % 4 == 0) {
    write_files(kBackoffs, data, size);
    return step_mapped(pocketlm::BackoffArrays(folder), distribution);
  }
  write_files(kCounts, data, size);
  if (kind / 2 % 4 == 1) return step_mapped(pocketlm::StupidBackoff(folder), distribution);
  if (kind / 2 % 4 == 2) return step_mapped(pocketlm::AddK(folder, 0.5), distribution);
  pocketlm::DictionaryTable table(folder, kEnd, distribution);
  step(table, table.vocabulary());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  return pocketlm::try_input([&] { run(data[0], data + 1, size - 1); });
}
