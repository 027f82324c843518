// tests/support/run_program.h - runs a program and catches what it says.
#pragma once
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace velbo::test {

struct RunResult {
  int status = -1;  // exit status; 128 + the signal's number where one ended the program
  std::string out, err;
};

// A running program with both streams caught.
class Program {
 public:
  // prepare runs in the child before the program starts: system calls only.
  explicit Program(std::vector<std::string> command, const std::function<void()>& prepare = {}) {
    int out[2], err[2];
    if (::pipe2(out, O_CLOEXEC) != 0 || ::pipe2(err, O_CLOEXEC) != 0) return;
    std::vector<char*> argv;
    for (std::string& word : command) argv.push_back(word.data());
    argv.push_back(nullptr);
    child_ = ::fork();
    if (child_ == 0) {
      ::dup2(::open("/dev/null", O_RDONLY), STDIN_FILENO);
      ::dup2(out[1], STDOUT_FILENO);
      ::dup2(err[1], STDERR_FILENO);
      if (prepare) prepare();
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    ::close(out[1]);
    ::close(err[1]);
    streams_[0] = out[0];
    streams_[1] = err[0];
  }
  ~Program() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      (void)finish();
    }
  }
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void send(int signal) const {
    if (child_ > 0) ::kill(child_, signal);  // -1 would be everybody
  }

  // Reads until `text` is on standard error; false when the program ends, or 30 seconds pass, without it.
  bool wait_for_error_text(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (result_.err.find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline || !read_some(1000)) return false;
    }
    return true;
  }

  RunResult finish() {
    while (read_some(-1)) {
    }
    int status = 0;
    if (child_ > 0) ::waitpid(child_, &status, 0);
    child_ = -1;
    result_.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    return result_;
  }

 private:
  // False when both streams have ended.
  bool read_some(int milliseconds) {
    if (streams_[0] < 0 && streams_[1] < 0) return false;
    pollfd polled[2] = {{streams_[0], POLLIN, 0}, {streams_[1], POLLIN, 0}};
    ::poll(polled, 2, milliseconds);
    for (int i = 0; i < 2; ++i) {
      if (streams_[i] < 0 || polled[i].revents == 0) continue;
      char buffer[65536];
      const ssize_t n = ::read(streams_[i], buffer, sizeof buffer);
      if (n > 0) {
        (i == 0 ? result_.out : result_.err).append(buffer, static_cast<std::size_t>(n));
      } else {
        ::close(streams_[i]);
        streams_[i] = -1;
      }
    }
    return streams_[0] >= 0 || streams_[1] >= 0;
  }

  pid_t child_ = -1;
  int streams_[2] = {-1, -1};
  RunResult result_;
};

inline RunResult run_program(std::vector<std::string> command, const std::function<void()>& prepare = {}) {
  return Program(std::move(command), prepare).finish();
}

}  // namespace velbo::test
