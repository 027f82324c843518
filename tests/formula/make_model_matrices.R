# Writes tests/data/formula/table.csv and model_matrices.json, which design_r_test.cpp compares with.
#   cd tests/formula && Rscript make_model_matrices.R
# Made with R 4.2.2.  Only the base packages are needed; the tests themselves do not need R.
invisible(Sys.setlocale("LC_COLLATE", "C"))  # levels in byte order, as velbo has them
set.seed(20)
n <- 18
d <- data.frame(
  y = round(rnorm(n), 3),
  a = sample(c("red", "green", "blue"), n, TRUE),
  b = rep(c("yes", "no"), n)[1:n],
  x1 = round(rexp(n) + 0.1, 3),
  x2 = round(rnorm(n, 5), 4),
  x3 = round(runif(n), 6),
  cyl = sample(c(4, 6, 8), n, TRUE),
  flag = sample(c(TRUE, FALSE), n, TRUE),
  size.of_it = round(rnorm(n, 1e5, 2e4)),
  dose = sample(c(0.1, 1, 1e5), n, TRUE),
  check.names = FALSE)
d[["my var"]] <- round(runif(n, 1, 2), 3)
d[["big group"]] <- sample(c("p q", "r"), n, TRUE)
d$x1[3] <- NA
d$a[5] <- NA
d$b[8] <- NA
d$y[11] <- NA
d$cyl[14] <- NA
dir.create("../data/formula", showWarnings = FALSE, recursive = TRUE)
write.csv(d, "../data/formula/table.csv", row.names = FALSE)

formulas <- c(
  "y ~ x1", "y ~ x1 + x2", "y ~ 1", "y ~ 0 + x1", "y ~ x1 - 1", "y ~ x1 + 0", "y ~ -1 + x1 + 1",
  "y ~ a", "y ~ a + b", "y ~ a - 1", "y ~ x1 + a + b - 1", "y ~ b + a + 0",
  "y ~ x1:x2", "y ~ x1*x2", "y ~ x2:x1 + x1", "y ~ a:b", "y ~ a*b", "y ~ b*a", "y ~ a + a:b", "y ~ b + a:b",
  "y ~ 0 + a:b", "y ~ 0 + a*b", "y ~ a:x1", "y ~ a*x1", "y ~ x1 + a:x1", "y ~ 0 + x1 + a:x1", "y ~ 0 + x1 + x1:a:b",
  "y ~ x1*a*b", "y ~ a:b:x1", "y ~ a:b + x1:a:b", "y ~ x1:a + x1:b", "y ~ x1:a + x1:b + a:b", "y ~ a:flag + b:flag",
  "y ~ (x1 + x2 + x3)^2", "y ~ (a + b + x1)^2", "y ~ (a + b + x1)^3 - a:b", "y ~ (x1 + a) * (x2 + b)", "y ~ (a + b)^2 - a",
  "y ~ a/x1", "y ~ a/b", "y ~ (x1 + a)/b",
  "y ~ .", "y ~ . - a", "y ~ . - 1", "y ~ a*b + .", "log(x1) ~ . - y", "y ~ x3:. - cyl",
  "y ~ I(x1^2)", "y ~ I(x1/100)*x2", "y ~ I((x1 + x2)/2 - -x3*2)", "y ~ I(-x1^2) + I(2^-x3)", "y ~ I(x1*100000) + I(x1*123456) + I(x1*0.0001)",
  "y ~ log(x1) + log2(x2) + log10(x2) + log1p(x1) + exp(x3) + sqrt(x1) + abs(y) + sin(x1) + cos(x2)",
  "y ~ log(x1 + 1):a", "y ~ exp(-x1/2)", "y ~ log(abs(x2 - 5))", "y ~ I(log(x1)^2)", "y ~ x1^2", "y ~ x1**2",
  "y ~ scale(x1) + scale(x2)", "y ~ scale(log(x1)):a", "y ~ I(scale(x1)^2) + x2", "y ~ scale(scale(x1)^2)",
  "y ~ factor(cyl)", "y ~ factor(cyl)*x1", "y ~ factor(cyl):b - 1", "y ~ factor(dose)", "y ~ factor(a) + x1", "y ~ factor(cyl/2)",
  "y ~ flag", "y ~ flag*x1", "y ~ flag - 1", "y ~ `my var`", "y ~ `my var`:`big group`", "y ~ `x1` + `big group`",
  "y ~ size.of_it + I(size.of_it/1000)", "log(x1) ~ x2", "y ~ -x1 + x1 + x2", "y ~ (x1)", "y ~ +x1", "y ~ x1 + x1 + x1:x1",
  "y ~ x1 - x2 + x3", "y ~ ((a))", "y ~ cyl*(x1 + x2) - x1:cyl", "y ~ b:x1:a + a")

number <- function(x) sprintf("%.17g", x)
text <- function(x) paste0('"', gsub('"', '\\\\"', x), '"')
row_list <- function(x) paste0("[", paste(x, collapse = ","), "]")
# model.frame() would also drop rows that miss a variable taken out again ("y ~ . - a"); velbo needs what is left only.
one <- function(f) {
  terms <- terms(as.formula(f), data = d)
  factors <- attr(terms, "factors")
  used <- if (length(factors)) rownames(factors)[rowSums(factors) > 0] else character()
  columns <- unique(c(all.vars(as.formula(f)[[2]]), unlist(lapply(used, function(u) all.vars(str2lang(u))))))
  rows <- which(complete.cases(d[columns]))  # before the functions, so that scale() sees these rows only
  frame <- d[rows, ]
  x <- model.matrix(as.formula(f), frame)
  stopifnot(nrow(x) == length(rows) || length(columns) == 1)
  outcome <- eval(as.formula(f)[[2]], frame)
  names <- sub("^\\(Intercept\\)$", "Intercept", colnames(x))
  paste0('{"formula": ', text(f), ',\n "names": ', row_list(text(names)), ',\n "rows": ', row_list(rows - 1),
         ',\n "y": ', row_list(number(outcome)),
         ',\n "x": [', paste(apply(x, 1, function(r) row_list(number(r))), collapse = ",\n  "), "]}")
}
options(na.action = "na.pass")
json <- vapply(formulas, one, "")
writeLines(c("[", paste(json, collapse = ",\n"), "]"), "../data/formula/model_matrices.json")
cat(length(formulas), "formulas\n")
