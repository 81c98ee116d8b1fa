// A test is a function that throws when something is wrong. A test of a planted defect must throw: that is how the
// defect is caught. A planted race is one that may stay without consequence in every schedule: the race build must find
// it.
#pragma once
#include <cstddef>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace fastnets::tests {

enum class Kind { correct, defect, race };

struct Test {
  std::string name;
  Kind kind;
  void (*run)();
};

std::vector<Test>& all_tests();

struct Register {
  Register(const char* name, Kind kind, void (*run)()) { all_tests().push_back({name, kind, run}); }
};

#define FASTNETS_TEST(name)                                                                                  \
  static void name();                                                                                        \
  static const ::fastnets::tests::Register name##_registered(#name, ::fastnets::tests::Kind::correct, name); \
  static void name()

#define FASTNETS_DEFECT(name)                                                                               \
  static void name();                                                                                       \
  static const ::fastnets::tests::Register name##_registered(#name, ::fastnets::tests::Kind::defect, name); \
  static void name()

#define FASTNETS_RACE(name)                                                                               \
  static void name();                                                                                     \
  static const ::fastnets::tests::Register name##_registered(#name, ::fastnets::tests::Kind::race, name); \
  static void name()

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class... Parts>
void require(bool ok, const Parts&... parts) {
  if (ok) return;
  std::ostringstream message;
  (message << ... << parts);
  throw Failure(message.str());
}

template <class T>
void require_equal(const std::vector<T>& got, const std::vector<T>& expected) {
  require(got.size() == expected.size(), got.size(), " elements, expected ", expected.size());
  for (size_t i = 0; i < got.size(); ++i)
    require(got[i] == expected[i], "element ", i, " is ", got[i], ", expected ", expected[i]);
}

// Runs `function`, which must throw an exception whose text contains `words`.
template <class F>
void require_error(std::string_view words, F function) {
  try {
    function();
  } catch (const std::exception& error) {
    require(std::string_view(error.what()).find(words) != std::string_view::npos, "the error is '", error.what(),
            "', expected one with '", words, "'");
    return;
  }
  require(false, "no error, expected one with '", words, "'");
}

}  // namespace fastnets::tests
