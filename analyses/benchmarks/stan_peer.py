"""
Stan beside the engine, in a process of its own: seconds of a gradient, and effective draws.

For Python 3.12 with ``pystan`` and ``setuptools<81``, where pystan's models can be imported. Reads
{"problem": ..., "data": ..., "at": ...} as JSON from standard input and writes what it measured as
the last line of standard output. The programs hold the same equations, priors and noise as
`problems`; solver ``ode_rk45`` at the same tolerances.
"""

from __future__ import annotations

import json
import statistics
import sys
import time

import stan

LYNX_HARE = """
functions {
  vector slopes(real t, vector y, real a, real b, real c, real d) {
    return [a * y[1] - b * y[1] * y[2], d * y[1] * y[2] - c * y[2]]';
  }
}
data {
  int n; array[n] real times; vector[2] first; array[n] vector[2] read; real rtol; real atol;
}
parameters {
  real<lower=0> hare_growth; real<lower=0> predation; real<lower=0> lynx_decline;
  real<lower=0> lynx_growth; real<lower=0> initial_hare; real<lower=0> initial_lynx;
  real<lower=0> noise_hare; real<lower=0> noise_lynx;
}
model {
  vector[2] start = [initial_hare, initial_lynx]';
  array[n] vector[2] y = ode_rk45_tol(slopes, start, 0.0, times, rtol, atol, 100000,
                                      hare_growth, predation, lynx_decline, lynx_growth);
  hare_growth ~ normal(1, 0.5); lynx_decline ~ normal(1, 0.5);
  predation ~ normal(0.05, 0.05); lynx_growth ~ normal(0.05, 0.05);
  initial_hare ~ lognormal(log(10), 1); initial_lynx ~ lognormal(log(10), 1);
  noise_hare ~ lognormal(-1, 1); noise_lynx ~ lognormal(-1, 1);
  first[1] ~ lognormal(log(initial_hare), noise_hare);
  first[2] ~ lognormal(log(initial_lynx), noise_lynx);
  read[, 1] ~ lognormal(log(y[, 1]), noise_hare);
  read[, 2] ~ lognormal(log(y[, 2]), noise_lynx);
}
"""

# Days, mmol and 1e9 cells as on the card of data/mammalian_8runs.csv, which changes no derivative.
EIGHT_RUNS = """
functions {
  vector slopes(real t, vector y, real feed, real mu_max, vector k) {
    real dilution = feed / y[8];
    real mu = mu_max * y[3] / (k[1] + y[3]) * y[4] / (k[2] + y[4])
              * k[3] / (k[3] + y[5]) * k[4] / (k[4] + y[6]);
    real death = k[5] * y[6] / (k[6] + y[6]);
    real glucose = mu / k[7] + k[8] * y[3] / (0.1 + y[3]);
    real glutamine = mu / k[9];
    return [(mu - death - dilution) * y[1], death * y[1] - dilution * y[2],
            -glucose * y[1] + dilution * (400 - y[3]),
            -glutamine * y[1] - k[10] * y[4] + dilution * (40 - y[4]),
            k[11] * glucose * y[1] - dilution * y[5],
            k[12] * glutamine * y[1] + k[10] * y[4] - dilution * y[6],
            k[13] * y[1] - dilution * y[7], feed]';
  }
}
data {
  int runs; array[runs] real inoculum; array[runs] real feed; array[14] real days;
  array[runs, 14] vector[6] read; vector[14] truth; real rtol; real atol;
}
transformed data { array[6] int seen = {1, 3, 4, 5, 6, 7}; }
parameters {
  vector[14] logs; vector<lower=0>[2] spread; matrix[2, runs] z; vector<lower=0>[6] noise;
}
model {
  logs ~ normal(log(truth), 0.3); spread ~ normal(0, 0.3); noise ~ normal(0, 0.2);
  to_vector(z) ~ std_normal();
  for (i in 1:runs) {
    real mu_max = exp(logs[1] + spread[1] * z[1, i]);
    vector[13] k = append_row(exp(logs[2:13]), exp(logs[14] + spread[2] * z[2, i]));
    vector[8] start = [inoculum[i], 0.01, 30, 5, 1, 1, 0.01, 1]';
    array[14] vector[8] y;
    y[1:3] = ode_rk45_tol(slopes, start, 0.0, days[1:3], rtol, atol, 100000, 0.0, mu_max, k);
    y[4:14] = ode_rk45_tol(slopes, y[3], days[3], days[4:14], rtol, atol, 100000, feed[i],
                           mu_max, k);
    for (q in 1:6) read[i, , q] ~ lognormal(log(y[, seen[q]]), noise[q]);
  }
}
"""
EMPTY = "parameters { real x; } model { x ~ normal(0, 1); }"


def seconds_of_a_gradient(posterior: stan.model.Model, at: list[float], calls: int) -> float:
    """Median of repeated calls; `main` takes off what a call costs by itself."""
    times = []
    for _ in range(calls):
        began = time.perf_counter()
        posterior.grad_log_prob(at)
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Measure one problem."""
    asked = json.loads(sys.stdin.read())
    program = {"lynx_hare": LYNX_HARE, "eight_runs": EIGHT_RUNS}[asked["problem"]]
    posterior = stan.build(program, data=asked["data"], random_seed=asked["seed"])
    call = seconds_of_a_gradient(stan.build(EMPTY, random_seed=1), [0.3], 50)
    raw = seconds_of_a_gradient(posterior, asked["at"], 50)
    found = {"seconds_a_gradient": raw - call, "seconds_a_call_costs_by_itself": call}
    if asked["draws"]:
        draws, shape = asked["draws"], (2 * asked["draws"], asked["chains"])
        drawn = posterior.sample(
            num_chains=asked["chains"], num_samples=draws, num_warmup=draws, save_warmup=True
        )
        found["posterior"] = {
            name: drawn[name].reshape(shape)[draws:].T.tolist() for name in posterior.param_names
        }
        steps = drawn["n_leapfrog__"].reshape(shape)
        found["steps"] = steps[draws:].T.tolist()
        found["diverging"] = drawn["divergent__"].reshape(shape)[draws:].T.tolist()
        # pystan samples in a server that keeps what it drew before: its own clock says nothing
        found["processor_seconds"] = float(steps.sum()) * found["seconds_a_gradient"]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
