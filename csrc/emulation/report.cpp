// What is said when a rule is broken or nothing can go on.
#include <map>

#include "emulation/runtime.h"

namespace fastnets::emulation {
namespace {

std::string text(const Index& i) { return concatenate("(", i.x, ", ", i.y, ", ", i.z, ")"); }

std::string what_it_does(const Thread& thread) {
  std::string wait;
  switch (thread.wait) {
    case Wait::none:
      wait = "can run";
      break;
    case Wait::warp:
      wait = "wait for other lanes of their warp";
      break;
    case Wait::barrier:
      wait = "wait at barrier " + std::to_string(thread.barrier);
      break;
    case Wait::grid:
      wait = "wait for the grid";
      break;
    case Wait::cluster:
      wait = "wait for the cluster";
      break;
    case Wait::mbarrier:
      wait = concatenate("wait for parity ", thread.parity, " of an mbarrier (", mbarrier_state(thread.mbarrier), ")");
      break;
    case Wait::products:
      wait = "wait for products of their warpgroup";
      break;
    case Wait::exited:
      return "have exited";
  }
  return wait + " at " + describe(thread.where);
}

}  // namespace

std::string describe(const Location& where) {
  return concatenate(where.file_name(), ":", where.line(), " in ", where.function_name());
}

void fail_with(const std::string& message, const Location& where) {
  std::string full = message + "\n  at " + describe(where);
  if (current)
    full += concatenate("\n  thread ", text(current->identity.thread), " of block ", text(current->identity.block),
                        ", warp ", current->warp, " lane ", current->lane);
  throw Error(full);
}

std::string deadlock_report(const Launch& launch) {
  std::string report = "deadlock";
  for (const auto& block : launch.blocks) {
    if (!block->live) continue;
    std::map<std::string, int> groups;
    for (const Thread& thread : block->threads) ++groups[what_it_does(thread)];
    report += concatenate("\n  block ", text(block->index), ":");
    for (const auto& [what, threads] : groups) report += concatenate("\n    ", threads, " threads ", what);
  }
  return report;
}

}  // namespace fastnets::emulation
