#include <algorithm>  // for max
#include <utility>    // for move

#include "data/text.h"
#include "formula/lexer.h"
#include "formula/node.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Node = FormulaNode;
using NodePtr = std::unique_ptr<FormulaNode>;

constexpr int kDeepest = 200;

// Recursive descent; R's precedence, from the loosest: ~, + -, * /, :, unary + -, ^ (from the right).
class Parser {
 public:
  explicit Parser(std::string_view formula) : formula_(formula), tokens_(tokenize(formula)) {}

  ParsedFormula parse() {
    if (peek().kind == Token::Kind::end) fail("it is empty; write it as outcome ~ terms");
    if (peek().is('~')) fail("expected an outcome before \"~\"");
    ParsedFormula parsed;
    parsed.outcome = sum();
    if (peek().kind == Token::Kind::end) fail("expected \"~\" and terms; write it as outcome ~ terms");
    if (!peek().is('~')) fail_unexpected();
    advance();
    parsed.terms = sum();
    if (peek().is('~')) fail("a second \"~\"");
    if (peek().kind != Token::Kind::end) fail_unexpected();
    return parsed;
  }

 private:
  [[nodiscard]] const Token& peek() const { return tokens_[next_]; }
  const Token& advance() { return tokens_[next_++]; }

  [[noreturn]] void fail(const std::string& what) const { fail_in_formula(formula_, peek().position, what); }

  [[noreturn]] void fail_unexpected() const {
    if (peek().is(')')) fail("a \")\" without its \"(\"");
    const std::string what = "unexpected " + quoted(formula_.substr(peek().position, peek().length));
    if (peek().is(',')) fail(what);
    fail(what + "; an operator such as \"+\" is missing before it");
  }

  NodePtr make(Node::Kind kind, std::size_t position) const {
    auto node = std::make_unique<Node>();
    node->kind = kind;
    node->position = position;
    return node;
  }

  void adopt(Node& parent, NodePtr child) const {
    parent.depth = std::max(parent.depth, child->depth + 1);
    if (parent.depth > kDeepest) fail_in_formula(formula_, child->position, "nested too deeply");
    parent.children.push_back(std::move(child));
  }

  // operand { one of `operators` operand }
  template <class Operand>
  NodePtr chain(std::string_view operators, Operand operand) {
    NodePtr first = operand();
    const auto is_operator = [&] {
      return peek().kind == Token::Kind::symbol && operators.find(peek().text[0]) != std::string_view::npos;
    };
    if (!is_operator()) return first;
    NodePtr node = make(Node::Kind::chain, first->position);
    adopt(*node, std::move(first));
    while (is_operator()) {
      node->operators += advance().text[0];
      adopt(*node, operand());
    }
    return node;
  }

  NodePtr sum() {
    return chain("+-", [this] { return product(); });
  }
  NodePtr product() {
    return chain("*/", [this] { return interaction(); });
  }
  NodePtr interaction() {
    return chain(":", [this] { return unary(); });
  }

  NodePtr unary() {
    if (!peek().is('-') && !peek().is('+')) return power();
    // A run of signs must not use up the stack.
    if (++open_ > kDeepest) fail("nested too deeply");
    NodePtr node = make(peek().is('-') ? Node::Kind::negate : Node::Kind::plus, peek().position);
    advance();
    adopt(*node, unary());
    --open_;
    return node;
  }

  NodePtr power() {
    NodePtr base = primary();
    if (!peek().is('^')) return base;
    if (++open_ > kDeepest) fail("nested too deeply");
    NodePtr node = make(Node::Kind::power, base->position);
    advance();
    adopt(*node, std::move(base));
    adopt(*node, unary());
    --open_;
    return node;
  }

  NodePtr primary() {
    const Token token = peek();
    if (token.kind == Token::Kind::number) {
      NodePtr node = make(Node::Kind::number, token.position);
      node->value = token.value;
      advance();
      return node;
    }
    if (token.is('.')) {
      advance();
      return make(Node::Kind::dot, token.position);
    }
    if (token.is('(')) {
      NodePtr node = make(Node::Kind::paren, token.position);
      advance();
      adopt(*node, nested(token));
      return node;
    }
    if (token.kind != Token::Kind::name) fail_no_term();
    advance();
    if (!peek().is('(') || token.is_quoted) {
      NodePtr node = make(Node::Kind::name, token.position);
      node->text = token.text;
      return node;
    }
    const Token open = advance();
    NodePtr node = make(Node::Kind::call, token.position);
    node->text = token.text;
    if (peek().is(')')) fail(token.text + "() needs something between its parentheses");
    adopt(*node, nested(open, token.text));
    return node;
  }

  // sum ")", for the "(" that was just read.
  NodePtr nested(const Token& open, const std::string& function = "") {
    if (++open_ > kDeepest) fail("nested too deeply");
    if (peek().is(')')) fail("nothing between the parentheses");
    NodePtr inside = sum();
    if (peek().is(',')) {
      fail(function.empty() ? "unexpected \",\"" : function + "() takes one argument here");
    }
    if (peek().kind == Token::Kind::end) fail_in_formula(formula_, open.position, "a \"(\" that is never closed");
    if (peek().is('~')) fail("a \"~\" between parentheses");
    if (!peek().is(')')) fail_unexpected();
    advance();
    --open_;
    return inside;
  }

  [[noreturn]] void fail_no_term() const {
    std::string what = "expected a term";
    if (next_ > 0) {
      const Token& before = tokens_[next_ - 1];
      what += " after " + quoted(formula_.substr(before.position, before.length));
    }
    if (peek().kind != Token::Kind::end) {
      what += ", found " + quoted(formula_.substr(peek().position, peek().length));
    }
    fail(what);
  }

  std::string_view formula_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
  int open_ = 0;  // parentheses, signs and powers that are open
};

}  // namespace

ParsedFormula parse_formula(std::string_view formula) { return Parser(formula).parse(); }

void fail_in_formula(std::string_view formula, std::size_t position, const std::string& what) {
  constexpr std::size_t kBefore = 70;
  constexpr std::size_t kAfter = 30;
  const auto is_middle = [&](std::size_t i) { return (static_cast<unsigned char>(formula[i]) & 0xC0U) == 0x80U; };
  std::size_t begin = 0;
  std::size_t end = formula.size();
  std::string shown = "  ";
  if (formula.size() > kBefore + kAfter) {  // a window around the place
    if (position > kBefore) {
      begin = position - kBefore;
      while (begin < position && is_middle(begin)) ++begin;
      shown += "... ";
    }
    if (position + kAfter < end) {
      end = position + kAfter;
      while (end > position && is_middle(end)) --end;
    }
  }
  std::size_t caret = shown.size();
  for (std::size_t i = begin; i < end; ++i) {
    const auto byte = static_cast<unsigned char>(formula[i]);
    if (i < position && !is_middle(i)) ++caret;
    shown += byte < 0x20U || byte == 0x7FU ? ' ' : formula[i];
  }
  if (end < formula.size()) shown += " ...";
  std::string message = "bad formula: " + what;
  if (!formula.empty()) message += "\n" + shown + "\n" + std::string(caret, ' ') + "^";
  throw Error(ErrorCode::formula, message);
}

std::string deparse(const FormulaNode& node) {
  switch (node.kind) {
    case Node::Kind::number: return format_number(node.value);
    case Node::Kind::name: return is_plain_name(node.text) ? node.text : "`" + node.text + "`";
    case Node::Kind::dot: return ".";
    case Node::Kind::call: return node.text + "(" + deparse(*node.children[0]) + ")";
    case Node::Kind::paren: return "(" + deparse(*node.children[0]) + ")";
    case Node::Kind::negate: return "-" + deparse(*node.children[0]);
    case Node::Kind::plus: return "+" + deparse(*node.children[0]);
    case Node::Kind::power: return deparse(*node.children[0]) + "^" + deparse(*node.children[1]);
    case Node::Kind::chain: break;
  }
  std::string out = deparse(*node.children[0]);
  for (std::size_t i = 0; i < node.operators.size(); ++i) {
    const char op = node.operators[i];
    const std::string symbol(1, op);
    out += op == '/' || op == ':' ? symbol : " " + symbol + " ";
    out += deparse(*node.children[i + 1]);
  }
  return out;
}

}  // namespace velbo::internal
