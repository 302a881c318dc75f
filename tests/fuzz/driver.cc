// A main for fuzz targets that needs nothing of the compiler: random inputs,
// and mutations of seeds, for VARVE_FUZZ_SECONDS (default 5) from the seed
// VARVE_FUZZ_SEED (default 1, printed). Arguments are files: more seeds, or
// the input of a crash to run once with VARVE_FUZZ_SECONDS=0.
//
// An input that crashes, or takes longer than 20 s, is written below
// $TEST_UNDECLARED_OUTPUTS_DIR, $TMPDIR or /tmp and its name printed.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

#include "tests/fuzz/seeds.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);
extern "C" __attribute__((weak)) void VarveFuzzSeeds(VarveFuzzAdd add);

namespace {

constexpr size_t kInputBytesMax = 64 * 1024;
constexpr unsigned kHangSeconds = 20;

std::vector<std::string> seeds;

// For the signal handler: what runs now, and where to leave it.
const std::string* current = nullptr;
std::string crash_path;

void OnCrash(int signal_number) {
  const int file = open(crash_path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0644);
  if (file >= 0 && current != nullptr) {
    (void)!write(file, current->data(), current->size());
    close(file);
  }
  constexpr char kText[] = "fuzz: this input failed: ";
  (void)!write(STDERR_FILENO, kText, sizeof(kText) - 1);
  (void)!write(STDERR_FILENO, crash_path.data(), crash_path.size());
  (void)!write(STDERR_FILENO, "\n", 1);
  std::signal(signal_number, SIG_DFL);
  raise(signal_number);
}

void AddSeed(const char* data, size_t size) { seeds.emplace_back(data, size); }

int64_t EnvironmentInt(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::atoll(text);
}

void RunOne(const std::string& input) {
  // An exact copy on the heap, so that sanitizers see a read past its end.
  const std::vector<uint8_t> bytes(input.begin(), input.end());
  current = &input;
  alarm(kHangSeconds);
  (void)LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
  current = nullptr;
}

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::string Next() {
    if (seeds.empty() || Below(4) == 0) return RandomBytes();
    std::string input = seeds[Below(seeds.size())];
    for (size_t rounds = 1 + Below(4); rounds > 0; --rounds) Mutate(input);
    if (input.size() > kInputBytesMax) input.resize(kInputBytesMax);
    return input;
  }

 private:
  size_t Below(size_t bound) { return random_() % std::max<size_t>(bound, 1); }

  char AnyByte() {
    // Lengths, signs and separators are where parsers break.
    constexpr char kLiked[] = "\0\x01\x7f\x80\xff\"\\{}[](),:;=\n\r\t 09aZ%.-+";
    return Below(2) == 0 ? kLiked[Below(sizeof(kLiked))]
                         : static_cast<char>(random_());
  }

  std::string RandomBytes() {
    const size_t bound = Below(16) == 0 ? 4096 : 64;
    std::string bytes(Below(bound), '\0');
    for (char& byte : bytes) byte = AnyByte();
    return bytes;
  }

  void Mutate(std::string& input) {
    const size_t at = Below(input.size() + 1);
    const size_t count = std::min(1 + Below(8), input.size() - at);
    switch (Below(8)) {
      case 0:  // cut
        input.resize(at);
        break;
      case 1:  // flip a bit
        if (at < input.size()) input[at] ^= static_cast<char>(1 << Below(8));
        break;
      case 2:
        if (at < input.size()) input[at] = AnyByte();
        break;
      case 3:
        input.insert(at, 1 + Below(4), AnyByte());
        break;
      case 4:
        input.erase(at, count);
        break;
      case 5:  // repeat a piece
        input.insert(at, input.substr(at, 1 + Below(64)));
        break;
      case 6:  // splice with another seed
        input.replace(at, std::string::npos, PieceOfSeed());
        break;
      default:  // the largest numbers
        for (size_t i = at; i < at + count; ++i) input[i] = '\xff';
    }
  }

  std::string PieceOfSeed() {
    const std::string& seed = seeds[Below(seeds.size())];
    return seed.substr(Below(seed.size() + 1));
  }

  std::mt19937_64 random_;
};

void SetUp(int argc, char** argv) {
  const char* dir = std::getenv("TEST_UNDECLARED_OUTPUTS_DIR");
  if (dir == nullptr) dir = std::getenv("TMPDIR");
  const std::string program = argv[0];
  crash_path = std::string(dir == nullptr ? "/tmp" : dir) + "/crash-" +
               program.substr(program.rfind('/') + 1);
  for (const int signal_number :
       {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGALRM}) {
    std::signal(signal_number, OnCrash);
  }
  if (VarveFuzzSeeds != nullptr) VarveFuzzSeeds(AddSeed);
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    seeds.emplace_back(std::istreambuf_iterator<char>(file),
                       std::istreambuf_iterator<char>());
  }
}

}  // namespace

int main(int argc, char** argv) {
  SetUp(argc, argv);
  const int64_t seed = EnvironmentInt("VARVE_FUZZ_SEED", 1);
  const std::chrono::seconds budget(EnvironmentInt("VARVE_FUZZ_SECONDS", 5));
  std::printf("fuzz: seed %lld, %zu inputs to start from\n",
              static_cast<long long>(seed), seeds.size());
  std::fflush(stdout);
  RunOne("");
  for (const std::string& input : seeds) RunOne(input);
  Generator generator(static_cast<uint64_t>(seed));
  const auto end = std::chrono::steady_clock::now() + budget;
  int64_t runs = 0;
  for (; std::chrono::steady_clock::now() < end; ++runs) {
    RunOne(generator.Next());
  }
  std::printf("fuzz: %lld inputs run\n", static_cast<long long>(runs));
  return 0;
}
