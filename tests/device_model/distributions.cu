// Every function and density, compiled for devices as floats and as numbers with derivatives: nothing that they call may be
// for hosts alone.  What it computes is checked on the host (tests/models/distributions_test.cpp).
#include <velbo/distributions.h>
#include <velbo/matrix_functions.h>

namespace {

template <class X>
__device__ X functions_of_one(const X& x) {
  using namespace velbo;  // NOLINT: beside the functions of <cmath>, as models are written
  return exp(x) + expm1(x) + log(x) + log1p(x) + sqrt(x) + square(x) + abs(x) + sin(x) + cos(x) + tan(x) + atan(x) +
         sinh(x) + cosh(x) + tanh(x) + erf(x) + erfc(x) + lgamma(x) + digamma(x) + sigmoid(x) + log_sigmoid(x) +
         softplus(x) + log1m_exp(-x) + logit(x) + log_normal_cdf(x);
}

template <class X>
__device__ X functions_of_several(const X* x) {
  return velbo::pow(x[0], x[1]) + velbo::pow(x[0], 2) + velbo::pow(2, x[0]) + velbo::lbeta(x[0], x[1]) +
         velbo::fmin(x[0], x[1]) + velbo::fmax(x[0], 1) + velbo::select(x[0] < x[1], x[0], 3) +
         velbo::log_sum_exp(x[0], x[1]) + velbo::log_sum_exp(x, 4) + velbo::log_diff_exp(x[0], x[1]) +
         velbo::log_mix(x[0], x[1], x[2]);
}

// x in [0]: the argument, [1], [2], [3]: parameters.
template <class X>
__device__ X densities(const X* x) {
  return velbo::normal_lpdf(x[0], x[1], x[2]) + velbo::normal_lpdf(x[0], 0, 1) + velbo::std_normal_lpdf(x[0]) +
         velbo::student_t_lpdf(x[0], x[3], x[1], x[2]) + velbo::cauchy_lpdf(x[0], x[1], x[2]) +
         velbo::laplace_lpdf(x[0], x[1], x[2]) + velbo::logistic_lpdf(x[0], x[1], x[2]) +
         velbo::half_normal_lpdf(x[0], x[2]) + velbo::half_cauchy_lpdf(x[0], x[2]) +
         velbo::half_student_t_lpdf(x[0], x[3], x[2]) + velbo::uniform_lpdf(x[0], x[1], x[2]) +
         velbo::beta_lpdf(x[0], x[1], x[2]) + velbo::lognormal_lpdf(x[0], x[1], x[2]) +
         velbo::exponential_lpdf(x[0], x[1]) + velbo::gamma_lpdf(x[0], x[1], x[2]) +
         velbo::inverse_gamma_lpdf(x[0], x[1], x[2]) + velbo::weibull_lpdf(x[0], x[1], x[2]);
}

template <class X>
__device__ X probabilities(int y, const X* x) {
  return velbo::bernoulli_logit_lpmf(y, x[0]) + velbo::binomial_logit_lpmf(y, 9, x[0]) +
         velbo::poisson_log_lpmf(y, x[0]) + velbo::neg_binomial_2_log_lpmf(y, x[0], x[1]) +
         velbo::categorical_logit_lpmf(y, x, 4) + velbo::ordered_logistic_lpmf(y, x[0], x + 1, 4);
}

template <class X>
__device__ X vectors(const X* x, X* matrix) {
  const X product = velbo::dot(x, x + 1, 3);
  velbo::cholesky(matrix, 2);
  velbo::lower_times_vector(matrix, x, 2, matrix + 4);
  velbo::lower_solve(matrix, x, 2, matrix + 6);
  return product + velbo::dirichlet_lpdf(x, x + 2, 2) + velbo::multi_normal_cholesky_lpdf<2>(x, x + 2, matrix) +
         velbo::lkj_corr_cholesky_lpdf(matrix, 2, x[0]);
}

// Of simple densities alone, to see what they cost: no spills are expected.
template <class X>
__global__ void simple_model(X* x) {
  x[0] = velbo::normal_lpdf(x[0], x[1], x[2]) + velbo::half_normal_lpdf(x[2], 1) + velbo::bernoulli_logit_lpmf(1, x[3]);
}

template <class X>
__global__ void everything(int y, X* x) {
  x[0] = functions_of_one(x[0]);
  x[1] = functions_of_several(x);
  x[2] = densities(x);
  x[3] = probabilities(y, x);
  x[0] += vectors(x, x + 4);
}

template __global__ void simple_model(float*);
template __global__ void simple_model(double*);
template __global__ void simple_model(velbo::Dual<float, 4>*);
template __global__ void simple_model(velbo::Dual<double, 4>*);
template __global__ void everything(int, float*);
template __global__ void everything(int, double*);
template __global__ void everything(int, velbo::Dual<float, 4>*);
template __global__ void everything(int, velbo::Dual<double, 4>*);

}  // namespace
