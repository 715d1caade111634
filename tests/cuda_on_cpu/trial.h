// What the shim's tests share: each is a function, and the program's argument names the one to run.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <string>

#include "cuda/machine/device.cuh"

namespace saln::simulator {

// Global memory of just so many bytes.
struct Global {
  explicit Global(size_t bytes) : data(static_cast<char*>(std::malloc(bytes)), &std::free) {}
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(data.get());
  }
  std::unique_ptr<char, decltype(&std::free)> data;
};

inline int run_named(const std::map<std::string, void (*)()>& tests, const char* name) {
  tests.at(name)();
  std::printf("passed\n");
  return 0;
}

}  // namespace saln::simulator
