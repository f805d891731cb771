// A tokenizer.model as SentencePiece's own code reads it, and text through it. The library is instrumented.
// model/sentencepiece_file.py refuses more before the library sees it.
#include <sentencepiece_processor.h>

#include "input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  sentencepiece::SentencePieceProcessor processor;
  const std::string model(reinterpret_cast<const char*>(data), size);
  if (!processor.LoadFromSerializedProto(model).ok()) return 0;
  std::vector<int> ids;
  for (const char* text : {"see you  tomorrow\xe2\x96\x81" "at the caf\xc3\xa9 \xf0\x9f\x98\x80\t don\xe2\x80\x99t", "", "aaaaaaaa"}) {
    if (!processor.Encode(text, &ids).ok()) continue;
    std::string decoded;
    processor.Decode(ids, &decoded).IgnoreError();
  }
  for (int id = 0; id < processor.GetPieceSize(); ++id) {
    processor.IdToPiece(id);
    processor.GetScore(id);
  }
  return 0;
}
