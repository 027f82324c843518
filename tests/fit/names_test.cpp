// Names of enumerators: each reads back as itself, and a misspelt one is explained.
#include "fit/names.h"

#include <gtest/gtest.h>

#include "support/errors.h"
#include "velbo/gaussian_mixture.h"

namespace velbo {
namespace {

using test::error_of;

TEST(Names, ReadBackAsTheSame) {
  for (const auto kind : {EngineKind::automatic, EngineKind::newton, EngineKind::natural_gradient, EngineKind::saa,
                          EngineKind::pathfinder, EngineKind::gradient})
    EXPECT_EQ(parse_engine(name(kind)), kind);
  for (const auto kind :
       {CovarianceKind::full, CovarianceKind::diagonal, CovarianceKind::tied, CovarianceKind::spherical})
    EXPECT_EQ(parse_covariance_kind(name(kind)), kind);
  for (const auto prior : {WeightsPrior::dirichlet, WeightsPrior::dirichlet_process})
    EXPECT_EQ(parse_weights_prior(name(prior)), prior);
  for (const auto s : {Scalar::automatic, Scalar::float32, Scalar::float64}) EXPECT_EQ(parse_scalar(name(s)), s);
  for (const auto kind : {FamilyKind::automatic, FamilyKind::mean_field, FamilyKind::full_rank})
    EXPECT_EQ(parse_family(name(kind)), kind);
  for (const auto l : {Likelihood::automatic, Likelihood::gaussian, Likelihood::bernoulli, Likelihood::binomial,
                       Likelihood::poisson, Likelihood::student_t, Likelihood::negative_binomial, Likelihood::gamma,
                       Likelihood::beta, Likelihood::categorical, Likelihood::ordinal})
    EXPECT_EQ(parse_likelihood(name(l)), l);
  for (const auto kind : {PredictionKind::response, PredictionKind::linear, PredictionKind::outcome})
    EXPECT_EQ(parse_prediction_kind(name(kind)), kind);
  for (const auto s :
       {Status::converged, Status::max_steps, Status::max_seconds, Status::diverged, Status::interrupted})
    EXPECT_EQ(internal::parse_status(name(s)), s);
  for (const auto v : {Verdict::good, Verdict::usable, Verdict::unreliable})
    EXPECT_EQ(internal::parse_verdict(name(v)), v);
}

TEST(Names, MistakesAreExplained) {
  EXPECT_EQ(error_of([] { (void)parse_likelihood("bernouli"); }),
            "argument| unknown likelihood \"bernouli\"; did you mean bernoulli? (there are auto, gaussian, bernoulli, "
            "binomial, poisson, student_t, negative_binomial, gamma, beta, categorical, ordinal)");
  EXPECT_EQ(error_of([] { (void)parse_family("x"); }),
            "argument| unknown family \"x\" (there are auto, mean_field, full_rank, low_rank)");
}

TEST(Errors, TellMistakesFromFailures) {
  for (const auto code :
       {ErrorCode::argument, ErrorCode::shape, ErrorCode::data, ErrorCode::file, ErrorCode::formula, ErrorCode::device})
    EXPECT_TRUE(is_user_error(code));
  for (const auto code : {ErrorCode::io, ErrorCode::memory, ErrorCode::internal}) EXPECT_FALSE(is_user_error(code));
}

}  // namespace
}  // namespace velbo
