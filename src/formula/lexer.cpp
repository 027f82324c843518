#include "formula/lexer.h"

#include <algorithm>  // for all_of

#include "data/text.h"
#include "formula/node.h"

namespace velbo::internal {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Letters are ASCII letters and every byte of a UTF-8 character beyond ASCII.
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80U;
}

bool is_name_byte(char c) { return is_letter(c) || is_digit(c) || c == '.' || c == '_'; }

std::size_t name_end(std::string_view text, std::size_t i) {
  while (i < text.size() && is_name_byte(text[i])) ++i;
  return i;
}

std::size_t number_end(std::string_view text, std::size_t i) {
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i < text.size() && text[i] == '.') ++i;
  while (i < text.size() && is_digit(text[i])) ++i;
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    std::size_t j = i + 1;
    if (j < text.size() && (text[j] == '+' || text[j] == '-')) ++j;
    if (j < text.size() && is_digit(text[j])) {
      while (j < text.size() && is_digit(text[j])) ++j;
      i = j;
    }
  }
  return i;
}

[[noreturn]] void fail_on_byte(std::string_view formula, std::size_t i) {
  const char c = formula[i];
  if (c == '"' || c == '\'') {
    fail_in_formula(formula, i, "column names that need quotes go in back-quotes, `like this`");
  }
  if (c == '|') fail_in_formula(formula, i, "group terms such as (1 | g) are not available");
  if (c == '%') fail_in_formula(formula, i, "operators such as %in% are not available");
  fail_in_formula(formula, i, "unexpected " + quoted(formula.substr(i, 1)));
}

}  // namespace

bool is_plain_name(std::string_view name) {
  if (name.empty() || name == "." || is_digit(name[0]) || name[0] == '_') return false;
  if (name[0] == '.' && name.size() > 1 && is_digit(name[1])) return false;
  for (const std::string_view word :
       {"TRUE", "FALSE", "NULL", "NA", "NaN", "Inf", "if", "else", "for", "while", "repeat", "function", "break",
        "next", "in", "NA_integer_", "NA_real_", "NA_character_"}) {
    if (name == word) return false;
  }
  return std::all_of(name.begin(), name.end(), is_name_byte);
}

std::vector<Token> tokenize(std::string_view formula) {
  if (!is_utf8(formula)) fail_in_formula("", 0, "it is not UTF-8 text");
  std::vector<Token> tokens;
  std::size_t i = 0;
  while (i < formula.size()) {
    const char c = formula[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++i;
      continue;
    }
    Token token;
    token.position = i;
    const bool next_is_digit = i + 1 < formula.size() && is_digit(formula[i + 1]);
    if (is_digit(c) || (c == '.' && next_is_digit)) {
      const std::size_t end = number_end(formula, i);
      token.kind = Token::Kind::number;
      token.text = std::string(formula.substr(i, end - i));
      const auto value = parse_number(token.text);
      if (!value) fail_in_formula(formula, i, quoted(token.text) + " is not a number");
      token.value = *value;
      i = end;
    } else if (c == '`') {
      const std::size_t close = formula.find('`', i + 1);
      if (close == std::string_view::npos) fail_in_formula(formula, i, "a back-quote that is never closed");
      if (close == i + 1) fail_in_formula(formula, i, "a name without letters");
      token.kind = Token::Kind::name;
      token.is_quoted = true;
      token.text = std::string(formula.substr(i + 1, close - i - 1));
      i = close + 1;
    } else if (is_letter(c) || c == '.') {
      const std::size_t end = name_end(formula, i);
      token.text = std::string(formula.substr(i, end - i));
      token.kind = token.text == "." ? Token::Kind::symbol : Token::Kind::name;
      i = end;
    } else if (std::string_view("~+-*/^:(),").find(c) != std::string_view::npos) {
      token.kind = Token::Kind::symbol;
      token.text = std::string(1, c);
      ++i;
      if (c == '*' && i < formula.size() && formula[i] == '*') {  // R's other way of writing ^
        token.text = "^";
        ++i;
      }
    } else {
      fail_on_byte(formula, i);
    }
    token.length = i - token.position;
    tokens.push_back(std::move(token));
  }
  Token end;
  end.position = tokens.empty() ? 0 : tokens.back().position + tokens.back().length;
  tokens.push_back(end);
  return tokens;
}

}  // namespace velbo::internal
