//! What is waited for while the engines are asked.

use std::{
    collections::BTreeSet,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use suho_stack::proof::{Check, Inquiry, Report};

use crate::output;

/// How long a reader is left alone.
const EVERY: Duration = Duration::from_secs(2);
/// As many checks as fit a line.
const NAMED: usize = 4;

/// Asks, and says every two seconds how far it is.
pub async fn asked(inquiry: &Inquiry) -> Report {
    let began = Instant::now();
    let pending = Mutex::new(inquiry.checks().into_iter().collect::<BTreeSet<_>>());
    let all = pending.lock().unwrap_or_else(PoisonError::into_inner).len();
    let asking = inquiry.run(|row| {
        let mut pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
        pending.remove(&(row.service.clone(), row.check));
    });
    tokio::pin!(asking);
    let mut ticks = tokio::time::interval_at((began + EVERY).into(), EVERY);
    loop {
        tokio::select! {
            report = &mut asking => return report,
            _ = ticks.tick() => {
                let pending = pending.lock().unwrap_or_else(PoisonError::into_inner);
                note!(
                    "{:<14} {:>6} {} of {all} checks answered, waits for {}",
                    "proof", output::seconds(began.elapsed()), all - pending.len(), in_words(&pending)
                );
            }
        }
    }
}

/// `kafka compaction, weaviate backup … and 3 more`
fn in_words(pending: &BTreeSet<(String, Check)>) -> String {
    let named: Vec<String> = pending
        .iter()
        .take(NAMED)
        .map(|(service, check)| format!("{} {check}", output::short(service)))
        .collect();
    match pending.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_few_are_named_and_the_rest_counted() {
        let checks = |count: usize| {
            (0..count)
                .map(|number| (format!("suho-{number}"), Check::Settings))
                .collect()
        };

        assert_eq!(in_words(&checks(1)), "0 settings");
        assert_eq!(
            in_words(&checks(6)),
            "0 settings, 1 settings, 2 settings, 3 settings and 2 more"
        );
    }
}
