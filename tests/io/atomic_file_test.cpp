#include "io/atomic_file.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <thread>

#include "support/errors.h"
#include "support/scratch.h"

namespace velbo::internal {
namespace {

using test::error_of;
using test::read_bytes;
using test::ScratchFolder;

void write_all(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

mode_t mode_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0);
  return status.st_mode & 07777U;
}

TEST(AtomicFile, AppearsAtCommitAndNotBefore) {
  const ScratchFolder folder;
  const std::string path = folder.file("out");
  {
    AtomicFile file(path);
    file.write("hello ");
    file.write("world");
    EXPECT_FALSE(std::filesystem::exists(path));
    file.commit();
  }
  EXPECT_EQ(read_bytes(path), "hello world");
  EXPECT_EQ(folder.n_files(), 1U);
}

TEST(AtomicFile, WithoutCommitNothingChanges) {
  const ScratchFolder folder;
  const std::string path = folder.file("out", "old");
  {
    AtomicFile file(path);
    file.write(std::string(1'000'000, 'x'));
  }
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(folder.n_files(), 1U);
}

TEST(AtomicFile, ManyAndLargeWrites) {
  const ScratchFolder folder;
  std::string expected;
  AtomicFile file(folder.file("out"));
  for (int i = 0; i < 1000; ++i) {
    const std::string piece(static_cast<std::size_t>(i % 50 == 0 ? 100'000 : i), static_cast<char>('a' + i % 26));
    file.write(piece);
    expected += piece;
  }
  file.commit();
  EXPECT_TRUE(read_bytes(folder.file("out")) == expected);
}

TEST(AtomicFile, KeepsTheModeAndTheLink) {
  const ScratchFolder folder;
  const std::string path = folder.file("out", "old");
  ASSERT_EQ(::chmod(path.c_str(), 0640), 0);
  ASSERT_EQ(::symlink("out", folder.file("link").c_str()), 0);
  write_all(folder.file("link"), "new");
  EXPECT_EQ(read_bytes(path), "new");
  EXPECT_EQ(mode_of(path), 0640U);
  EXPECT_TRUE(std::filesystem::is_symlink(folder.file("link")));
  EXPECT_EQ(folder.n_files(), 2U);
}

TEST(AtomicFile, NewFilesFollowTheUmask) {
  const ScratchFolder folder;
  const mode_t before = ::umask(027);
  write_all(folder.file("out"), "x");
  ::umask(before);
  EXPECT_EQ(mode_of(folder.file("out")), 0640U);
}

TEST(AtomicFile, NamesOfTheGreatestLength) {
  const ScratchFolder folder;
  const std::string path = folder.file(std::string(255, 'n'));
  write_all(path, "x");
  EXPECT_EQ(read_bytes(path), "x");
}

TEST(AtomicFile, TargetsThatCannotBeWritten) {
  const ScratchFolder folder;
  const auto refusal = [](const std::string& path) { return error_of([&] { const AtomicFile file(path); }, path); };
  EXPECT_EQ(refusal(folder.file("none/out")), "file| FILE: cannot be written: No such file or directory");
  EXPECT_EQ(refusal(folder.path()), "file| FILE: cannot be written: it is a directory");
  EXPECT_EQ(refusal(folder.file("none/")), "file| FILE: cannot be written: it is a directory");
  EXPECT_EQ(error_of([] { const AtomicFile file(""); }), "file| : cannot be written: the path is empty");
  const std::string plain = folder.file("plain", "x");
  EXPECT_EQ(refusal(plain + "/out"), "file| FILE: cannot be written: Not a directory");
}

TEST(AtomicFile, NoPermission) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const ScratchFolder folder;
  const std::string path = folder.file("out", "old");
  ASSERT_EQ(::chmod(path.c_str(), 0400), 0);
  EXPECT_EQ(error_of([&] { const AtomicFile file(path); }, path), "file| FILE: cannot be written: Permission denied");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0500), 0);
  const std::string other = folder.file("other");
  EXPECT_EQ(error_of([&] { const AtomicFile file(other); }, other), "file| FILE: cannot be written: Permission denied");
  ASSERT_EQ(::chmod(folder.path().c_str(), 0700), 0);
}

TEST(AtomicFile, FullDevice) {
  EXPECT_EQ(error_of([] { write_all("/dev/full", "x"); }), "io| /dev/full: writing failed: No space left on device");
}

TEST(AtomicFile, PipesAreWrittenDirectly) {
  const ScratchFolder folder;
  const std::string path = folder.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  std::string got;
  std::thread reader([&] { got = read_bytes(path); });
  write_all(path, "through the pipe");
  reader.join();
  EXPECT_EQ(got, "through the pipe");
  EXPECT_TRUE(std::filesystem::is_fifo(path));
}

// A limit on the size of files stands for a full disk.
TEST(AtomicFile, RunningOutOfSpaceLeavesTheOldFile) {
  const ScratchFolder folder;
  const std::string path = folder.file("out", "old");
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 100'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const std::string at_write = error_of([&] { write_all(path, std::string(1'000'000, 'x')); }, path);
  const std::string at_commit = error_of(
      [&] {
        AtomicFile file(path);
        for (int i = 0; i < 11; ++i) file.write(std::string(10'000, 'x'));
        file.commit();
      },
      path);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(at_write, "io| FILE: writing failed: File too large");
  EXPECT_EQ(at_commit, "io| FILE: writing failed: File too large");
  EXPECT_EQ(read_bytes(path), "old");
  EXPECT_EQ(folder.n_files(), 1U);
}

}  // namespace
}  // namespace velbo::internal
