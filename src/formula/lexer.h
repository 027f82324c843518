// formula/lexer.h - a formula's text as tokens.
#pragma once
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace velbo::internal {

struct Token {
  enum class Kind { number, name, symbol, end };
  Kind kind = Kind::end;
  std::string text;        // the name (without back-quotes), or one of ~ + - * / ^ : ( ) , .
  bool is_quoted = false;  // a name in back-quotes
  double value = 0;
  std::size_t position = 0;  // of its first byte
  std::size_t length = 0;    // as written

  [[nodiscard]] bool is(char symbol) const { return kind == Kind::symbol && text[0] == symbol; }
};

// The last token is `end`.  Throws Error(formula) with a caret.
std::vector<Token> tokenize(std::string_view formula);

// R's rule for names that need no back-quotes.
bool is_plain_name(std::string_view name);

}  // namespace velbo::internal
