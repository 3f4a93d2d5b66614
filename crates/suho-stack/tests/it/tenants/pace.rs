//! How long each step of many tenants' lives took.

use std::time::Duration;

/// Prints the percentiles of each of `steps`.
pub fn tell(steps: [&str; 3], times: &[[Duration; 3]]) {
    for (step, name) in steps.into_iter().enumerate() {
        let mut times: Vec<_> = times.iter().map(|times| times[step]).collect();
        times.sort();
        let [p50, p95, p99] = [50, 95, 99].map(|percent| times[(times.len() - 1) * percent / 100]);
        println!("{name:20} p50 {p50:7.1?}  p95 {p95:7.1?}  p99 {p99:7.1?}");
    }
}
