// emulation_tests --list        prints the kind and the name of every test
// emulation_tests NAME...       runs them; says on stderr which failed and why; exit status 1 if one did
#include <cstdio>
#include <cstring>
#include <exception>

#include "emulation/tests/test.h"

namespace fastnets::tests {

std::vector<Test>& all_tests() {
  static std::vector<Test> tests;
  return tests;
}

namespace {

bool passes(const char* name) {
  for (const Test& test : all_tests()) {
    if (test.name != name) continue;
    try {
      test.run();
      return true;
    } catch (const std::exception& error) {
      std::fprintf(stderr, "%s: %s\n", name, error.what());
      return false;
    }
  }
  std::fprintf(stderr, "%s: no such test\n", name);
  return false;
}

}  // namespace
}  // namespace fastnets::tests

int main(int argc, char** argv) {
  using namespace fastnets::tests;
  if (argc == 2 && !std::strcmp(argv[1], "--list")) {
    constexpr const char* kKinds[] = {"correct", "defect", "race"};
    for (const Test& test : all_tests()) std::printf("%s %s\n", kKinds[int(test.kind)], test.name.c_str());
    return 0;
  }
  int failures = argc < 2;
  for (int i = 1; i < argc; ++i) failures += !passes(argv[i]);
  return failures != 0;
}
