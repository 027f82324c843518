#include "formula/terms.h"

#include <algorithm>  // for set_union, stable_sort, includes
#include <cmath>      // for floor
#include <iterator>   // for back_inserter
#include <map>        // for map
#include <set>        // for set
#include <utility>    // for move

#include "data/text.h"
#include "velbo/error.h"

namespace velbo::internal {
namespace {

using Node = FormulaNode;

constexpr std::size_t kMostProducts = 1'000'000;

// Terms in the order in which they were added, each once.
class TermList {
 public:
  void add(Term term) {
    if (seen_.insert(term).second) terms_.push_back(std::move(term));
  }
  void add(const TermList& other) {
    for (const Term& term : other.terms_) add(term);
  }
  void remove(const TermList& other) {
    std::erase_if(terms_, [&](const Term& term) { return other.seen_.contains(term); });
    for (const Term& term : other.terms_) seen_.erase(term);
  }
  [[nodiscard]] const std::vector<Term>& terms() const noexcept { return terms_; }
  [[nodiscard]] std::size_t size() const noexcept { return terms_.size(); }

 private:
  std::vector<Term> terms_;
  std::set<Term> seen_;
};

Term join(const Term& a, const Term& b) {
  Term out;
  std::set_union(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(out));
  return out;
}

class Expander {
 public:
  Expander(std::string_view formula, const std::vector<std::string>& dot_columns) : formula_(formula) {
    for (const std::string& name : dot_columns) {
      auto node = std::make_shared<Node>();
      node->kind = Node::Kind::name;
      node->text = name;
      dot_nodes_.push_back(std::move(node));
    }
  }

  FormulaTerms run(const Node& root) {
    collect(root);
    TermList list = encode(root);
    FormulaTerms out;
    out.has_intercept = has_intercept_;
    out.terms = list.terms();
    std::stable_sort(out.terms.begin(), out.terms.end(),
                     [](const Term& a, const Term& b) { return a.size() < b.size(); });
    keep_used(out);
    return out;
  }

 private:
  [[noreturn]] void fail(const Node& at, const std::string& what) const {
    fail_in_formula(formula_, at.position, what);
  }

  // Variables get their numbers in the order of appearance, those of terms that are taken out again included.
  void collect(const Node& node) {
    switch (node.kind) {
      case Node::Kind::number: return;
      case Node::Kind::dot:
        for (const auto& column : dot_nodes_) install(column);
        return;
      case Node::Kind::name:
      case Node::Kind::call:
        check_variable(formula_, node);
        install({std::shared_ptr<void>(), &node});  // not owned: it lives in the parsed formula
        return;
      case Node::Kind::power: collect(*node.children[0]); return;
      case Node::Kind::paren:
      case Node::Kind::negate:
      case Node::Kind::plus:
      case Node::Kind::chain:
        for (const auto& child : node.children) collect(*child);
        return;
    }
  }

  void install(std::shared_ptr<const Node> node) {
    std::string name = deparse(*node);
    if (number_of_.emplace(name, static_cast<int>(variables_.size())).second) {
      variables_.push_back({std::move(name), std::move(node)});
    }
  }

  TermList encode(const Node& node) {
    TermList out;
    switch (node.kind) {
      case Node::Kind::number:
        if (node.value != 0 && node.value != 1)
          fail(node, "a number is not a term; arithmetic goes in I(), as in I(2 * x)");
        has_intercept_ = (node.value == 1) == adding_;
        break;
      case Node::Kind::dot:
        if (dot_nodes_.empty()) fail(node, "\".\" stands for all other columns, and there are none");
        for (const auto& column : dot_nodes_) out.add({number_of_.at(deparse(*column))});
        break;
      case Node::Kind::name:
      case Node::Kind::call: out.add({number_of_.at(deparse(node))}); break;
      case Node::Kind::paren:
      case Node::Kind::plus: return encode(*node.children[0]);
      case Node::Kind::negate: encode_removed(*node.children[0]); break;
      case Node::Kind::power: return encode_power(node);
      case Node::Kind::chain: return encode_chain(node);
    }
    return out;
  }

  // The terms of what a minus sign takes out; 1 and 0 change places.
  TermList encode_removed(const Node& node) {
    adding_ = !adding_;
    TermList out = encode(node);
    adding_ = !adding_;
    return out;
  }

  TermList encode_operand(const Node& node) {
    if (node.kind == Node::Kind::number) {
      fail(node, "a number is not a term here; arithmetic goes in I(), as in I(2 * x)");
    }
    return encode(node);
  }

  TermList encode_chain(const Node& node) {
    const bool is_sum = node.operators[0] == '+' || node.operators[0] == '-';
    TermList out = is_sum ? encode(*node.children[0]) : encode_operand(*node.children[0]);
    for (std::size_t i = 0; i < node.operators.size(); ++i) {
      const Node& operand = *node.children[i + 1];
      switch (node.operators[i]) {
        case '+': out.add(encode(operand)); break;
        case '-': out.remove(encode_removed(operand)); break;
        case ':': out = products(node, out, encode_operand(operand)); break;
        case '*': {
          const TermList right = encode_operand(operand);
          const TermList both = products(node, out, right);
          out.add(right);
          out.add(both);
          break;
        }
        default: {  // a / b is a + a:b
          const TermList right = encode_operand(operand);
          Term all;
          for (const Term& term : out.terms()) all = join(all, term);
          for (const Term& term : right.terms()) out.add(join(all, term));
        }
      }
      check_size(node, out);
    }
    return out;
  }

  TermList encode_power(const Node& node) {
    const Node* exponent = node.children[1].get();
    while (exponent->kind == Node::Kind::paren) exponent = exponent->children[0].get();
    const bool is_count =
        exponent->kind == Node::Kind::number && exponent->value >= 1 && std::floor(exponent->value) == exponent->value;
    if (!is_count)
      fail(*exponent, "the power of a term is a whole number from 1; arithmetic goes in I(), as in I(x^2)");
    const TermList base = encode_operand(*node.children[0]);
    TermList out = base;
    for (double step = 1; step < exponent->value; ++step) {
      TermList next = products(node, out, base);
      if (next.size() == out.size()) break;  // everything that can be made is there
      out = std::move(next);
      check_size(node, out);
    }
    return out;
  }

  TermList products(const Node& at, const TermList& left, const TermList& right) const {
    if (right.size() != 0 && left.size() > kMostProducts / right.size()) fail_too_many(at);
    TermList out;
    for (const Term& a : left.terms()) {
      for (const Term& b : right.terms()) out.add(join(a, b));
    }
    return out;
  }

  void check_size(const Node& at, const TermList& list) const {
    if (list.size() > static_cast<std::size_t>(kMostColumns)) fail_too_many(at);
  }
  [[noreturn]] void fail_too_many(const Node& at) const {
    fail(at, "this makes more than " + std::to_string(kMostColumns) + " terms");
  }

  void keep_used(FormulaTerms& out) {
    std::vector<int> new_number(variables_.size(), -1);
    for (const Term& term : out.terms) {
      for (const int v : term) new_number[static_cast<std::size_t>(v)] = 0;
    }
    for (std::size_t v = 0; v < variables_.size(); ++v) {
      if (new_number[v] < 0) continue;
      new_number[v] = static_cast<int>(out.variables.size());
      out.variables.push_back(variables_[v]);
    }
    for (Term& term : out.terms) {
      for (int& v : term) v = new_number[static_cast<std::size_t>(v)];
    }
  }

  std::string_view formula_;
  std::vector<std::shared_ptr<const Node>> dot_nodes_;
  std::vector<FormulaVariable> variables_;
  std::map<std::string, int> number_of_;
  bool has_intercept_ = true;
  bool adding_ = true;
};

}  // namespace

FormulaTerms expand_terms(std::string_view formula, const FormulaNode& right_hand_side,
                          const std::vector<std::string>& dot_columns) {
  return Expander(formula, dot_columns).run(right_hand_side);
}

}  // namespace velbo::internal
