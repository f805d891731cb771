// KenLM for Python's ctypes: plain C functions over batches of states.
//
// A state is `pocketlm_kenlm_state_size()` bytes that the caller keeps; the functions only read the
// model, so that several threads may use one.
#include <cstring>

#include "kenlm_model.h"

using pocketlm::KenlmModel;
using State = KenlmModel::State;

extern "C" {

size_t pocketlm_kenlm_state_size() { return sizeof(State); }

// The model, or null with a message of at most `room` bytes in `message`.
void* pocketlm_kenlm_open(const char* path, const char* load, size_t vocabulary, size_t end,
                          char* message, size_t room) {
  try {
    return new KenlmModel(path, load, vocabulary, end);
  } catch (const std::exception& error) {
    strncpy(message, error.what(), room - 1);
    message[room - 1] = 0;
    return nullptr;
  }
}

void pocketlm_kenlm_close(void* model) { delete static_cast<KenlmModel*>(model); }

void pocketlm_kenlm_begin(const void* model, State* state) {
  memset(state, 0, sizeof(State));
  const State begin = static_cast<const KenlmModel*>(model)->begin();
  memcpy(state, &begin, sizeof(State));
}

void pocketlm_kenlm_begin_inside(const void* model, State* state) {
  memset(state, 0, sizeof(State));
  const State begin = static_cast<const KenlmModel*>(model)->begin_inside();
  memcpy(state, &begin, sizeof(State));
}

// states [B] and tokens [B] -> next [B]
void pocketlm_kenlm_advance(const void* model, const State* states, const int64_t* tokens,
                            size_t batch, State* next) {
  for (size_t row = 0; row < batch; ++row)
    static_cast<const KenlmModel*>(model)->score(states[row], static_cast<size_t>(tokens[row]), next[row]);
}

// states [B] -> log_probabilities [B, V]
void pocketlm_kenlm_distribution(const void* model, const State* states, size_t batch,
                                 float* log_probabilities) {
  const auto& kenlm = *static_cast<const KenlmModel*>(model);
  for (size_t row = 0; row < batch; ++row)
    kenlm.distribution(states[row], log_probabilities + row * kenlm.vocabulary());
}

// tokens [N], and whether a line begins there [N] -> their log-probabilities [N]
void pocketlm_kenlm_score(const void* model, const int64_t* tokens, const bool* first, size_t count,
                          float* log_probabilities) {
  const auto& kenlm = *static_cast<const KenlmModel*>(model);
  State state, next;
  for (size_t i = 0; i < count; ++i) {
    if (first[i]) state = kenlm.begin();
    log_probabilities[i] =
        static_cast<float>(kenlm.score(state, static_cast<size_t>(tokens[i]), next));
    state = next;
  }
}
}
